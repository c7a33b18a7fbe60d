use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::{KeytabError, KeytabProblem};
use crate::authn::SecretBytes;

/// Larger files are no keytabs: a key takes about 100 bytes.
const LONGEST: u64 = 1 << 20;

/// One key of a keytab, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Components and realm, byte for byte as they are there.
    pub(super) components: Vec<String>,
    pub(super) realm: String,
    /// The number of the algorithm (RFC 3961 section 8).
    pub(super) algorithm: u16,
}

/// Reads what a keytab holds, and none of its keys.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>, KeytabError> {
    let wrong = |problem| KeytabError { path: path.to_owned(), problem };
    // A pipe would be waited for.
    let found = fs::metadata(path).map_err(|error| wrong(KeytabProblem::Read(error)))?;
    if !found.is_file() {
        return Err(wrong(KeytabProblem::NoFile));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|error| wrong(KeytabProblem::Read(error)))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LONGEST {
        return Err(wrong(KeytabProblem::TooLong(LONGEST)));
    }
    // Wiped when it goes out of scope.
    let bytes = SecretBytes::from(bytes);
    entries(bytes.expose_secret()).map_err(wrong)
}

/// The entries of a keytab of format 0x502: big-endian, a length before each, which is negative for
/// a hole.
pub(super) fn entries(bytes: &[u8]) -> Result<Vec<Entry>, KeytabProblem> {
    let mut rest = bytes.strip_prefix(&[5, 2]).ok_or(KeytabProblem::Format)?;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let damaged = KeytabProblem::Damaged(bytes.len().saturating_sub(rest.len()));
        let Some((length, after)) = rest.split_first_chunk::<4>() else { return Err(damaged) };
        let length = i32::from_be_bytes(*length);
        if length == 0 {
            // The library, too, stops here.
            break;
        }
        let size = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX);
        let Some((content, after)) = after.split_at_checked(size) else { return Err(damaged) };
        if length > 0 {
            entries.push(entry(content).ok_or(damaged)?);
        }
        rest = after;
    }
    if entries.is_empty() { Err(KeytabProblem::Empty) } else { Ok(entries) }
}

fn entry(content: &[u8]) -> Option<Entry> {
    let mut fields = Fields(content);
    let count = fields.number()?;
    let realm = fields.text()?;
    let mut components = Vec::new();
    for _ in 0..count {
        components.push(fields.text()?);
    }
    // Type of name, time, version of the key.
    fields.skip(9)?;
    let algorithm = fields.number()?;
    let length = fields.number()?;
    fields.skip(usize::from(length))?;
    if length == 0 || components.is_empty() {
        return None;
    }
    Some(Entry { components, realm, algorithm })
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn number(&mut self) -> Option<u16> {
        let (number, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*number))
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::from(self.number()?);
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        // A name that is not UTF-8 is not the one that is looked for.
        Some(String::from_utf8_lossy(text).into_owned())
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }
}

/// How good an algorithm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// Broken, or unknown.
    None,
    /// Deprecated (RFC 8429).
    Weak,
    /// Good.
    Good,
}

/// The name and the strength of an algorithm.
pub(super) fn algorithm(number: u16) -> (String, Strength) {
    let (name, strength) = match number {
        17 => ("aes128-cts-hmac-sha1-96", Strength::Good),
        18 => ("aes256-cts-hmac-sha1-96", Strength::Good),
        19 => ("aes128-cts-hmac-sha256-128", Strength::Good),
        20 => ("aes256-cts-hmac-sha384-192", Strength::Good),
        25 => ("camellia128-cts-cmac", Strength::Good),
        26 => ("camellia256-cts-cmac", Strength::Good),
        16 => ("des3-cbc-sha1", Strength::Weak),
        23 => ("arcfour-hmac", Strength::Weak),
        1 => ("des-cbc-crc", Strength::None),
        2 => ("des-cbc-md4", Strength::None),
        3 => ("des-cbc-md5", Strength::None),
        24 => ("arcfour-hmac-exp", Strength::None),
        other => return (format!("algorithm {other}"), Strength::None),
    };
    (name.to_owned(), strength)
}

/// The principal of a service in a keytab, and the best strength of its keys.
///
/// `realm` of `None` is whichever the keytab holds, if it is one.
pub(super) fn service(
    entries: &[Entry],
    components: &[String],
    realm: Option<&str>,
    named: &str,
) -> Result<(String, Strength), KeytabProblem> {
    let of_it: Vec<&Entry> = entries
        .iter()
        .filter(|entry| entry.components == components)
        .filter(|entry| realm.is_none_or(|realm| realm == entry.realm))
        .collect();
    let realms: BTreeSet<&str> = of_it.iter().map(|entry| entry.realm.as_str()).collect();
    let mut realms = realms.into_iter();
    let (realm, more) = (realms.next(), realms.next());
    let Some(realm) = realm else {
        let others =
            entries.iter().map(|entry| format!("`{}@{}`", entry.components.join("/"), entry.realm));
        return Err(KeytabProblem::OtherService {
            service: named.to_owned(),
            others: list(others),
        });
    };
    if more.is_some() {
        let realms = of_it.iter().map(|entry| format!("`{}`", entry.realm));
        return Err(KeytabProblem::SeveralRealms {
            service: named.to_owned(),
            realms: list(realms),
        });
    }
    let strongest = of_it.iter().map(|entry| algorithm(entry.algorithm).1).max();
    match strongest {
        None | Some(Strength::None) => Err(KeytabProblem::Unusable {
            service: named.to_owned(),
            types: list(of_it.iter().map(|entry| algorithm(entry.algorithm).0)),
        }),
        Some(strength) => Ok((realm.to_owned(), strength)),
    }
}

/// Each once, in order.
fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(entries: &[(&[&str], &str, u16)]) -> Vec<u8> {
        let mut out = vec![5, 2];
        for (components, realm, algorithm) in entries {
            let mut entry = Vec::new();
            let number = |number: usize| u16::try_from(number).unwrap().to_be_bytes();
            entry.extend(number(components.len()));
            for text in [realm].into_iter().chain(components.iter()) {
                entry.extend(number(text.len()));
                entry.extend(text.as_bytes());
            }
            entry.extend([0, 0, 0, 1, 0, 0, 0, 0, 2]);
            entry.extend(algorithm.to_be_bytes());
            entry.extend(number(16));
            entry.extend([7; 16]);
            entry.extend([0, 0, 0, 2]);
            out.extend(i32::try_from(entry.len()).unwrap().to_be_bytes());
            out.extend(entry);
        }
        out
    }

    fn find(
        keytab: &[(&[&str], &str, u16)],
        name: &str,
        realm: Option<&str>,
    ) -> Result<(String, Strength), String> {
        let components: Vec<String> = name.split('/').map(str::to_owned).collect();
        let entries = entries(&bytes(keytab)).unwrap();
        service(&entries, &components, realm, name).map_err(|problem| problem.to_string())
    }

    #[test]
    fn the_service_is_found_by_all_of_its_name() {
        let http: &[&str] = &["HTTP", "a.ex.org"];
        let keytab = [(http, "EX.ORG", 18), (&["host", "a.ex.org"], "EX.ORG", 18)];
        let good = |realm: &str| Ok((realm.to_owned(), Strength::Good));
        assert_eq!(find(&keytab, "HTTP/a.ex.org", None), good("EX.ORG"));
        assert_eq!(find(&keytab, "HTTP/a.ex.org", Some("EX.ORG")), good("EX.ORG"));
        assert_eq!(
            find(&keytab, "HTTP/b.ex.org", None).unwrap_err(),
            "holds no key of `HTTP/b.ex.org`, but of `HTTP/a.ex.org@EX.ORG`, `host/a.ex.org@EX.ORG`"
        );
        assert!(find(&keytab, "HTTP/a.ex.org", Some("ex.org")).is_err());
        assert!(find(&keytab, "http/a.ex.org", None).is_err());
        let two = [(http, "EX.ORG", 18), (http, "OTHER.ORG", 18)];
        assert_eq!(find(&two, "HTTP/a.ex.org", Some("OTHER.ORG")), good("OTHER.ORG"));
        assert_eq!(
            find(&two, "HTTP/a.ex.org", None).unwrap_err(),
            "holds keys of `HTTP/a.ex.org` in several realms, `EX.ORG`, `OTHER.ORG`: name the realm, too"
        );
    }

    #[test]
    fn the_best_key_of_the_service_counts() {
        let http: &[&str] = &["HTTP", "a"];
        let strength =
            |keytab: &[(&[&str], &str, u16)]| find(keytab, "HTTP/a", None).map(|found| found.1);
        assert_eq!(strength(&[(http, "R", 23), (http, "R", 17)]), Ok(Strength::Good));
        assert_eq!(strength(&[(http, "R", 23), (http, "R", 3)]), Ok(Strength::Weak));
        assert_eq!(
            strength(&[(http, "R", 3), (http, "R", 99), (&["HTTP", "b"], "R", 18)]).unwrap_err(),
            "holds keys of `HTTP/a` only for algorithm 99, des-cbc-md5, which are broken or unknown: \
             get AES keys for it"
        );
    }

    #[test]
    fn a_file_that_is_no_keytab_is_told_where_it_is_not() {
        let whole = bytes(&[(&["HTTP", "a"], "R", 18)]);
        assert_eq!(entries(&whole).unwrap().len(), 1);
        for text in [&b""[..], b"\x05", b"\x05\x01", b"# keytab", b"-----BEGIN"] {
            assert!(matches!(entries(text), Err(KeytabProblem::Format)), "{text:?}");
        }
        assert!(matches!(entries(&[5, 2]), Err(KeytabProblem::Empty)));
        // A hole, and nothing else.
        let hole = [&[5, 2][..], &(-4_i32).to_be_bytes(), &[0; 4]].concat();
        assert!(matches!(entries(&hole), Err(KeytabProblem::Empty)));
        for end in 3..whole.len() {
            assert!(matches!(entries(&whole[..end]), Err(KeytabProblem::Damaged(2))), "{end}");
        }
        let twice = [&whole[..], &whole[2..whole.len() - 1]].concat();
        assert!(matches!(entries(&twice), Err(KeytabProblem::Damaged(at)) if at == whole.len()));
        let smallest = [&[5, 2][..], &i32::MIN.to_be_bytes()].concat();
        assert!(matches!(entries(&smallest), Err(KeytabProblem::Damaged(2))));
    }
}
