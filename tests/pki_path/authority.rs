//! Authorities that sign what no good one would.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    SigningKey as _, date_time_ymd,
};

/// 2026-11-26T03:00:00Z, and how long a day is.
pub(crate) const NOW: i64 = 1_795_662_000;
pub(crate) const DAY: i64 = 86_400;

/// Sets the first good second.
pub(crate) fn from(params: &mut CertificateParams, second: i64) {
    params.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(second.try_into().unwrap());
}

/// Sets the last good second.
pub(crate) fn until(params: &mut CertificateParams, second: i64) {
    params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(second.try_into().unwrap());
}

pub(crate) struct Authority {
    pub(crate) der: Vec<u8>,
    pub(crate) params: CertificateParams,
    key_pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    /// One that signed itself.
    pub(crate) fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = leaf_params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, params, key_pem: key.serialize_pem() }
    }

    /// The same name and key in another certificate.
    pub(crate) fn renewed(&self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = self.params.clone();
        change(&mut params);
        let der = params.self_signed(&self.key()).unwrap().der().to_vec();
        Self { der, params, key_pem: self.key_pem.clone() }
    }

    /// One below it.
    pub(crate) fn subordinate(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = leaf_params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Self { der: self.sign(&params, &key), params, key_pem: key.serialize_pem() }
    }

    /// Another certificate for an authority that has one.
    pub(crate) fn certify(&self, other: &Self) -> Vec<u8> {
        self.sign(&other.params, &other.key())
    }

    /// A certificate of jane.
    pub(crate) fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = leaf_params("jane");
        change(&mut params);
        self.sign(&params, &KeyPair::generate().unwrap())
    }

    pub(crate) fn sign(&self, params: &CertificateParams, key: &KeyPair) -> Vec<u8> {
        params.signed_by(key, &self.issuer()).unwrap().der().to_vec()
    }

    pub(crate) fn issuer(&self) -> Issuer<'static, KeyPair> {
        Issuer::new(self.params.clone(), self.key())
    }

    /// A certificate that rcgen would not make: what was signed is changed, and signed again. `change`
    /// must keep the length.
    pub(crate) fn issue_changed(
        &self,
        params: impl FnOnce(&mut CertificateParams),
        change: impl FnOnce(&mut Vec<u8>),
    ) -> Vec<u8> {
        let der = self.issue(params);
        let mut parts = Vec::new();
        yasna::parse_der(&der, |reader| {
            reader.read_sequence(|reader| {
                for _ in 0..3 {
                    parts.push(reader.next().read_der()?);
                }
                Ok(())
            })
        })
        .unwrap();
        let length = parts[0].len();
        change(&mut parts[0]);
        assert_eq!(parts[0].len(), length);
        let signature = self.key().sign(&parts[0]).unwrap();
        yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_der(&parts[0]);
                writer.next().write_der(&parts[1]);
                let bits = signature.len() * 8;
                writer.next().write_bitvec_bytes(&signature, bits);
            });
        })
    }

    pub(crate) fn pem(&self) -> String {
        pem::encode(&pem::Pem::new("CERTIFICATE", self.der.clone()))
    }

    fn key(&self) -> KeyPair {
        KeyPair::from_pem(&self.key_pem).unwrap()
    }
}

/// A name and nothing else.
pub(crate) fn leaf_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// An attribute whose type has as many bytes as that of an organisation: several of one type do not
/// fit into rcgen's names, and become one by [`to_organizations`].
pub(crate) fn placeholder(index: u64) -> DnType {
    DnType::CustomDnType(vec![2, 5, 4, 100 + index])
}

/// Turns the placeholders into organisations.
#[expect(clippy::ptr_arg, reason = "it is passed where the length may change")]
pub(crate) fn to_organizations(signed: &mut Vec<u8>) {
    retype(signed, 10);
}

/// Turns the placeholders into attributes 2.5.4.x.
pub(crate) fn retype(signed: &mut [u8], to: u8) {
    for at in 0..signed.len() - 5 {
        if signed[at..at + 4] == [6, 3, 0x55, 4] && (100..120).contains(&signed[at + 4]) {
            signed[at + 4] = to;
        }
    }
}
