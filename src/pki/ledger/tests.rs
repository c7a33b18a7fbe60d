use super::*;

fn record() -> CertificateRecord {
    CertificateRecord {
        fingerprint: Fingerprint::from_bytes([0xab; 32]),
        serial: vec![0x0a, 0xff],
        issuer: "CN=ca".to_owned(),
        subject: "CN=jane,O=dev".to_owned(),
        user: "jane".to_owned(),
        groups: vec!["dev".to_owned(), "dev".to_owned(), String::new()],
        uid: None,
        not_before: 100,
        not_after: 253_402_300_799,
        recorded_at: 150,
        source: RecordSource::Issued,
        signer: "kubernetes.io/kube-apiserver-client".to_owned(),
        requester: Some(Requester { name: "ci".to_owned(), groups: Vec::new() }),
        decision: String::new(),
        request_name: String::new(),
        key: "ECDSA P-256".to_owned(),
        certificate: vec![1, 2, 3],
        revoked: Some(RevokedRecord { at: 200, reason: String::new(), by: "me".to_owned() }),
    }
}

#[test]
fn a_record_comes_back_from_json_as_it_was() {
    let record = record();
    let text = serde_json::to_string(&record).unwrap();
    assert!(text.contains(r#""serial":"0aff""#), "{text}");
    assert!(text.contains(r#""notAfter":"9999-12-31T23:59:59Z""#), "{text}");
    assert!(text.contains(r#""certificate":"AQID""#), "{text}");
    assert_eq!(serde_json::from_str::<CertificateRecord>(&text).unwrap(), record);
}

#[test]
fn json_with_a_field_that_is_unknown_or_wrong_is_no_record() {
    let good = serde_json::to_string(&record()).unwrap();
    for (from, to) in [
        ("\"user\"", "\"usr\""),
        ("0aff", "0af"),
        ("0aff", "0agg"),
        ("9999-12-31T23:59:59Z", "9999-12-31"),
        // With its offset in the year 10000, which could not be written again.
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-00:01"),
        ("AQID", "A"),
        ("abab", "ab"),
        ("issued", "found"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        assert!(serde_json::from_str::<CertificateRecord>(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_record_with_a_time_that_could_not_be_read_again_is_not_written() {
    let of = |not_before| serde_json::to_string(&CertificateRecord { not_before, ..record() });
    assert!(of(-62_167_219_200).unwrap().contains("0000-01-01T00:00:00Z"));
    for second in [-62_167_219_201, 253_402_300_800, i64::MIN] {
        assert!(of(second).is_err(), "{second}");
    }
}

#[test]
fn the_last_second_is_valid_and_a_revoked_one_never_is() {
    let mut record = CertificateRecord { revoked: None, not_after: 199, ..record() };
    for (now, state) in [
        (99, CertificateState::NotYetValid),
        (100, CertificateState::Valid),
        (199, CertificateState::Valid),
        (200, CertificateState::Expired),
    ] {
        assert_eq!(record.state(now), state, "{now}");
    }
    record.revoked = Some(RevokedRecord { at: 0, reason: String::new(), by: String::new() });
    for now in [99, 100, 200] {
        assert_eq!(record.state(now), CertificateState::Revoked, "{now}");
    }
}
