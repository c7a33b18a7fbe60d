use super::der::{self, Reader};

/// Longer tokens are refused unread. Windows sends at most 65,535 bytes (its `MaxTokenSize`).
pub const LONGEST_TOKEN: usize = 65_535;

/// What every NTLM message begins with.
const NTLM: &[u8] = b"NTLMSSP\0";
/// 1.3.6.1.5.5.2: SPNEGO (RFC 4178).
const SPNEGO: &[u8] = &[0x2b, 6, 1, 5, 5, 2];
/// 1.2.840.113554.1.2.2: Kerberos (RFC 4121).
const KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2];
/// 1.2.840.48018.1.2.2: the same with a bit missing, which Windows says first.
const KERBEROS_OF_WINDOWS: &[u8] = &[0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 1, 2, 2];
/// 1.3.6.1.4.1.311.2.2.10: NTLM within SPNEGO.
const NTLM_MECHANISM: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0a];
/// Of a Kerberos token: it holds an AP-REQ (RFC 4121 section 4.1).
const AP_REQ: &[u8] = &[1, 0];

/// Why a token is not looked at by the Kerberos library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    /// Nothing is in it.
    #[error("the Negotiate token is empty")]
    Empty,
    /// More than anybody sends.
    #[error("the Negotiate token has {0} bytes, more than {LONGEST_TOKEN}")]
    TooLong(usize),
    /// NTLM, which a client falls back to when it has no ticket for this server.
    #[error(
        "the client offers NTLM and not Kerberos: it has no ticket, or the name it calls this server by has no service principal"
    )]
    Ntlm,
    /// Another mechanism than Kerberos comes first.
    #[error("the client prefers a mechanism that is neither Kerberos nor NTLM")]
    OtherMechanism,
    /// It begins or goes on with a negotiation, and holds no ticket.
    #[error("the negotiation would need another round: only a token with a ticket is accepted")]
    AnotherRound,
    /// A Kerberos token that is not within SPNEGO, where that is refused.
    #[error("the token is a Kerberos token outside of SPNEGO (RFC 4559 wants it inside)")]
    Unwrapped,
    /// It is not what the standards say.
    #[error("the Negotiate token cannot be read as SPNEGO with a Kerberos ticket")]
    Unreadable,
}

impl From<der::Malformed> for TokenProblem {
    fn from(_: der::Malformed) -> Self {
        Self::Unreadable
    }
}

/// What the first message of a Kerberos client holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticketed<'a> {
    /// The encrypted authenticator, which no two logins share, and of which no bit can be changed
    /// without the key of the session.
    pub(super) authenticator: &'a [u8],
    /// Whether it came without SPNEGO around it.
    pub(super) is_unwrapped: bool,
}

/// Looks into a token: SPNEGO around Kerberos around an AP-REQ, or the Kerberos token alone.
///
/// Stricter than the library that is asked next: definite lengths in their shortest form, nothing
/// missing, nothing after the end. So both see one and the same authenticator.
pub(super) fn read(token: &[u8]) -> Result<Ticketed<'_>, TokenProblem> {
    match token {
        [] => return Err(TokenProblem::Empty),
        _ if token.len() > LONGEST_TOKEN => return Err(TokenProblem::TooLong(token.len())),
        _ if token.starts_with(NTLM) => return Err(TokenProblem::Ntlm),
        // A NegTokenResp: the second message of somebody's negotiation.
        [0xa1, ..] => return Err(TokenProblem::AnotherRound),
        _ => {}
    }
    let (mechanism, mut rest) = mechanism(token)?;
    match mechanism {
        KERBEROS | KERBEROS_OF_WINDOWS => {
            Ok(Ticketed { authenticator: authenticator(rest.all())?, is_unwrapped: true })
        }
        SPNEGO => {
            let mut choice = Reader::new(rest.take(0xa0)?);
            rest.end()?;
            let ticket = mechanism_token(choice.take(0x30)?)?;
            choice.end()?;
            let (mechanism, rest) = self::mechanism(ticket)?;
            match mechanism {
                KERBEROS | KERBEROS_OF_WINDOWS => {
                    Ok(Ticketed { authenticator: authenticator(rest.all())?, is_unwrapped: false })
                }
                _ => Err(TokenProblem::OtherMechanism),
            }
        }
        _ => Err(TokenProblem::OtherMechanism),
    }
}

/// The mechanism of a token, and what follows (RFC 2743 section 3.1).
fn mechanism(token: &[u8]) -> Result<(&[u8], Reader<'_>), TokenProblem> {
    let mut outer = Reader::new(token);
    let mut inner = Reader::new(outer.take(0x60)?);
    outer.end()?;
    Ok((inner.take(0x06)?, inner))
}

/// The optimistic token of a NegTokenInit (RFC 4178 section 4.2.1), if it is one of Kerberos.
fn mechanism_token(sequence: &[u8]) -> Result<&[u8], TokenProblem> {
    let mut fields = Reader::new(sequence);
    let mut list = Reader::new(fields.take(0xa0)?);
    let mut mechanisms = Reader::new(list.take(0x30)?);
    list.end()?;
    let first = mechanisms.take(0x06)?;
    while !mechanisms.is_empty() {
        mechanisms.take(0x06)?;
    }
    // The token is one of the first mechanism.
    match first {
        KERBEROS | KERBEROS_OF_WINDOWS => {}
        NTLM_MECHANISM => return Err(TokenProblem::Ntlm),
        _ => return Err(TokenProblem::OtherMechanism),
    }
    fields.take_if(0xa1)?;
    let Some(wrapped) = fields.take_if(0xa2)? else { return Err(TokenProblem::AnotherRound) };
    fields.take_if(0xa3)?;
    fields.end()?;
    let mut wrapped = Reader::new(wrapped);
    let token = wrapped.take(0x04)?;
    wrapped.end()?;
    match token.starts_with(NTLM) {
        true => Err(TokenProblem::Ntlm),
        false => Ok(token),
    }
}

/// The encrypted authenticator of an AP-REQ (RFC 4120 section 5.5.1).
fn authenticator(token: &[u8]) -> Result<&[u8], TokenProblem> {
    let request = token.strip_prefix(AP_REQ).ok_or(TokenProblem::Unreadable)?;
    let mut outer = Reader::new(request);
    let mut request = Reader::new(outer.take(0x6e)?);
    outer.end()?;
    let mut fields = Reader::new(request.take(0x30)?);
    request.end()?;
    // Version, message type, options, ticket.
    for tag in [0xa0, 0xa1, 0xa2, 0xa3] {
        fields.take(tag)?;
    }
    let mut wrapped = Reader::new(fields.take(0xa4)?);
    fields.end()?;
    let mut encrypted = Reader::new(wrapped.take(0x30)?);
    wrapped.end()?;
    encrypted.take(0xa0)?;
    encrypted.take_if(0xa1)?;
    let mut wrapped = Reader::new(encrypted.take(0xa2)?);
    encrypted.end()?;
    let cipher = wrapped.take(0x04)?;
    wrapped.end()?;
    match cipher {
        [] => Err(TokenProblem::Unreadable),
        cipher => Ok(cipher),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A token as clients send it, with this for its authenticator.
    pub(in super::super) fn sample(cipher: &[u8]) -> Vec<u8> {
        spnego(&[KERBEROS], Some(&kerberos(cipher)))
    }

    /// The same without SPNEGO.
    pub(in super::super) fn unwrapped(cipher: &[u8]) -> Vec<u8> {
        kerberos(cipher)
    }

    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let mut out = vec![tag];
        match content.len() {
            length @ 0..=0x7f => out.push(u8::try_from(length).unwrap()),
            length => {
                out.push(0x82);
                out.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
        }
        out.extend(content);
        out
    }

    fn ap_req(cipher: &[u8]) -> Vec<u8> {
        let encrypted =
            tlv(0x30, &[&tlv(0xa0, &[&[2, 1, 18]]), &tlv(0xa2, &[&tlv(0x04, &[cipher])])]);
        let fields = tlv(
            0x30,
            &[
                &tlv(0xa0, &[&[2, 1, 5]]),
                &tlv(0xa1, &[&[2, 1, 14]]),
                &tlv(0xa2, &[&[3, 5, 0, 0, 0, 0, 0]]),
                &tlv(0xa3, &[&tlv(0x61, &[&[0; 300]])]),
                &tlv(0xa4, &[&encrypted]),
            ],
        );
        tlv(0x6e, &[&fields])
    }

    fn kerberos(cipher: &[u8]) -> Vec<u8> {
        tlv(0x60, &[&tlv(0x06, &[KERBEROS]), AP_REQ, &ap_req(cipher)])
    }

    fn spnego(mechanisms: &[&[u8]], token: Option<&[u8]>) -> Vec<u8> {
        let list: Vec<Vec<u8>> = mechanisms.iter().map(|oid| tlv(0x06, &[oid])).collect();
        let list: Vec<&[u8]> = list.iter().map(Vec::as_slice).collect();
        let list = tlv(0xa0, &[&tlv(0x30, &list)]);
        let token = token.map(|token| tlv(0xa2, &[&tlv(0x04, &[token])])).unwrap_or_default();
        tlv(0x60, &[&tlv(0x06, &[SPNEGO]), &tlv(0xa0, &[&tlv(0x30, &[&list, &token])])])
    }

    #[test]
    fn the_authenticator_is_found_with_and_without_spnego() {
        for mechanisms in [&[KERBEROS][..], &[KERBEROS_OF_WINDOWS, KERBEROS, NTLM_MECHANISM]] {
            let token = spnego(mechanisms, Some(&kerberos(b"cipher")));
            let expected = Ticketed { authenticator: b"cipher", is_unwrapped: false };
            assert_eq!(read(&token), Ok(expected));
        }
        let expected = Ticketed { authenticator: b"cipher", is_unwrapped: true };
        assert_eq!(read(&kerberos(b"cipher")), Ok(expected));
    }

    #[test]
    fn what_is_no_ticket_is_refused_by_what_it_is() {
        let ntlm = b"NTLMSSP\0\x01\0\0\0\x97\x82\x08\xe2";
        assert_eq!(read(b""), Err(TokenProblem::Empty));
        assert_eq!(read(ntlm), Err(TokenProblem::Ntlm));
        assert_eq!(read(&spnego(&[NTLM_MECHANISM], Some(ntlm))), Err(TokenProblem::Ntlm));
        let ntlm_first = spnego(&[NTLM_MECHANISM, KERBEROS], Some(ntlm));
        assert_eq!(read(&ntlm_first), Err(TokenProblem::Ntlm));
        assert_eq!(read(&spnego(&[KERBEROS], Some(ntlm))), Err(TokenProblem::Ntlm));
        assert_eq!(read(&spnego(&[KERBEROS], None)), Err(TokenProblem::AnotherRound));
        assert_eq!(read(&tlv(0xa1, &[&[0x30, 0]])), Err(TokenProblem::AnotherRound));
        // IAKERB, by which a server would ask the realm for the client.
        let iakerb: &[u8] = &[0x2b, 6, 1, 5, 2, 5];
        let offered = spnego(&[iakerb, KERBEROS], Some(&kerberos(b"cipher")));
        assert_eq!(read(&offered), Err(TokenProblem::OtherMechanism));
        let within = tlv(0x60, &[&tlv(0x06, &[iakerb]), b"x"]);
        assert_eq!(read(&spnego(&[KERBEROS], Some(&within))), Err(TokenProblem::OtherMechanism));
        assert_eq!(read(&vec![0; LONGEST_TOKEN + 1]), Err(TokenProblem::TooLong(65_536)));
        assert_eq!(read(b"garbage"), Err(TokenProblem::Unreadable));
        assert_eq!(read(&spnego(&[KERBEROS], Some(&kerberos(b"")))), Err(TokenProblem::Unreadable));
    }

    #[test]
    fn no_part_of_a_token_is_enough_and_nothing_may_follow() {
        let whole = spnego(&[KERBEROS], Some(&kerberos(b"cipher")));
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert_eq!(read(&longer), Err(TokenProblem::Unreadable));
        // Every bit turned is either refused, or reads as the same or another authenticator: no panic.
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[at] ^= 1 << bit;
                let _ = read(&changed);
            }
        }
    }
}
