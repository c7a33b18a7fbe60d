//! What goes over the wire, read by others: the client library's filter parser, and a reader of DNs
//! written for this test alone.

use ldap3::asn1::{ASNTag as _, PL, StructureTag, TagClass};
use portcullis::authn::ldap::{Dn, DnTemplate, Filter, FilterTemplate};
use proptest::prelude::*;

fn octets(bytes: &[u8]) -> StructureTag {
    StructureTag { class: TagClass::Universal, id: 4, payload: PL::P(bytes.to_vec()) }
}

fn context(id: u64, parts: Vec<StructureTag>) -> StructureTag {
    StructureTag { class: TagClass::Context, id, payload: PL::C(parts) }
}

fn equal(name: &str, value: &[u8]) -> StructureTag {
    context(3, vec![octets(name.as_bytes()), octets(value)])
}

/// The tree on the wire, by the parser of the client library.
fn on_the_wire(filter: &Filter) -> StructureTag {
    let text = filter.to_string();
    ldap3::parse_filter(&text).unwrap_or_else(|()| panic!("{text}")).into_structure()
}

/// A name such as people have, or such as those who attack have.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[*()\\\\|&!=~<>:,+\"#; a-c0-9\u{0}\u{e9}]{1,20}",
        Just("*)(uid=*))(|(uid=*".to_owned()),
        Just(r"\2a".to_owned()),
    ]
    .prop_filter("an empty name is refused before", |name| !name.is_empty())
}

/// The attributes and values of a DN, by steps: RFC 4514 section 3, for what we write.
fn read_dn(text: &str) -> Vec<Vec<(String, Vec<u8>)>> {
    let mut steps = vec![vec![]];
    let mut bytes = text.bytes().peekable();
    while bytes.peek().is_some() {
        let name: Vec<u8> = bytes.by_ref().take_while(|byte| *byte != b'=').collect();
        let mut value = Vec::new();
        let mut end = None;
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' => {
                    let pair = [bytes.next().unwrap(), bytes.next().unwrap()];
                    let pair = std::str::from_utf8(&pair).unwrap();
                    value.push(u8::from_str_radix(pair, 16).unwrap());
                }
                b',' | b'+' => {
                    end = Some(byte);
                    break;
                }
                b'"' | b';' | b'<' | b'>' | 0 => panic!("not escaped: {text}"),
                byte => value.push(byte),
            }
        }
        steps.last_mut().unwrap().push((String::from_utf8(name).unwrap(), value));
        if end == Some(b',') {
            steps.push(vec![]);
        }
    }
    steps
}

proptest! {
    #[test]
    fn a_filter_on_the_wire_is_the_intended_tree(name in name(), dn in name()) {
        let template: FilterTemplate =
            "(&(objectClass=person)(|(uid={username})(cn=*{username})(!(mail={username}))))"
                .parse()
                .unwrap();
        let not = equal("mail", name.as_bytes());
        let last = StructureTag {
            class: TagClass::Context,
            id: 2,
            payload: PL::P(name.as_bytes().to_vec()),
        };
        let parts = StructureTag {
            class: TagClass::Universal,
            id: 16,
            payload: PL::C(vec![last]),
        };
        let expected = context(0, vec![
            equal("objectClass", b"person"),
            context(1, vec![
                equal("uid", name.as_bytes()),
                context(4, vec![octets(b"cn"), parts]),
                context(2, vec![not]),
            ]),
        ]);
        prop_assert_eq!(on_the_wire(&template.fill(&name)), expected);

        let member = "member".parse().unwrap();
        let by_dn = Filter::equal(&member, dn.as_bytes());
        prop_assert_eq!(on_the_wire(&by_dn), equal("member", dn.as_bytes()));
        let rule = "1.2.840.113556.1.4.1941".parse().unwrap();
        let StructureTag { id: 9, payload: PL::C(parts), .. } =
            on_the_wire(&Filter::by_rule(&member, &rule, dn.as_bytes()))
        else {
            panic!("no extensible match");
        };
        prop_assert_eq!(&parts[2].payload, &PL::P(dn.as_bytes().to_vec()));
    }

    #[test]
    fn a_dn_that_a_name_was_put_into_has_the_intended_steps(name in name()) {
        let template: DnTemplate = "uid={username}+cn=x,ou=people,dc=example".parse().unwrap();
        let steps = read_dn(&template.fill(&name).to_string());
        let part = |attribute: &str, value: &str| (attribute.to_owned(), value.as_bytes().to_vec());
        prop_assert_eq!(steps, vec![
            vec![part("uid", &name), part("cn", "x")],
            vec![part("ou", "people")],
            vec![part("dc", "example")],
        ]);
        // A DN that a directory gives is put into filters as it is written.
        let dn: Dn = template.fill(&name);
        let member = "member".parse().unwrap();
        let filter = Filter::equal(&member, dn.to_string());
        prop_assert_eq!(on_the_wire(&filter), equal("member", dn.to_string().as_bytes()));
    }
}
