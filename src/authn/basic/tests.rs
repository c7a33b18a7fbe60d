use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::file::Question;
use super::*;
use crate::authn::{
    Answering, Authenticated, AuthnError, GroupLookup, PasswordAttempt, PasswordAuthenticator,
    ReservedNames, Secret, ready,
};
use crate::model::{Clock, Moment, User};

const PATH: &str = "users";
/// `password`, by the reference implementation of Argon2 (its `test.c`).
const ARGON2ID: &str =
    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
/// `password`, by bcrypt with its least cost.
const BCRYPT: &str = "$2a$04$UuTkLRZZ6QofpDOlMz32MuuxEHA43WOemOYHPz6.SjsVsyO1tDU96";
/// `Hello world!` of the specification of SHA-crypt, as OpenSSL writes it.
const SHA256: &str = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";
const SHA512: &str = concat!(
    "$6$saltstring$",
    "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjn",
    "QJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
);

fn hash(text: &str) -> PasswordHash {
    PasswordHash::parse(text).unwrap()
}

fn attempt<'a>(name: &'a str, password: &'a str) -> PasswordAttempt<'a> {
    PasswordAttempt { name, password, source: None, now: 1_000 }
}

#[track_caller]
fn file(text: &str) -> PasswordFile {
    PasswordFile::from_hashed(PATH, text, ReservedNames::Refuse).unwrap().0
}

#[track_caller]
fn refused(text: &str) -> String {
    PasswordFile::from_hashed(PATH, text, ReservedNames::Refuse).unwrap_err().to_string()
}

#[track_caller]
fn no(file: &PasswordFile, name: &str, password: &str) -> String {
    file.check(attempt(name, password)).unwrap_err().to_string()
}

// ---- hashes -------------------------------------------------------------------------------------

#[test]
fn the_password_of_each_kind_of_hash_is_known_and_others_are_not() {
    for (text, password) in [
        (ARGON2ID, "password"),
        (BCRYPT, "password"),
        (&BCRYPT.replace("$2a", "$2b"), "password"),
        (&BCRYPT.replace("$2a", "$2y"), "password"),
        (SHA256, "Hello world!"),
        (SHA512, "Hello world!"),
    ] {
        let hash = hash(text);
        assert_eq!(hash.verify(password), Ok(true), "{text}");
        for other in ["Password", "password ", "Hello world", "", "p\u{e4}ssword"] {
            assert_eq!(hash.verify(other), Ok(false), "{text} {other}");
        }
        assert_eq!(hash.expose_text(), text);
        let shown = format!("{hash:?}");
        assert!(!shown.contains('$') && !shown.contains("salt"), "{shown}");
    }
}

#[test]
fn a_new_hash_is_argon2id_with_its_own_salt() {
    let secret = || Secret::new("correct horse".to_owned());
    let (one, two) = (PasswordHash::of(&secret()).unwrap(), PasswordHash::of(&secret()).unwrap());
    assert_ne!(one.expose_text(), two.expose_text());
    let read = hash(one.expose_text());
    assert_eq!((read.cost(), read.cost().is_weak()), (Cost::DEFAULT, false));
    assert_eq!(read.verify("correct horse"), Ok(true));
    assert_eq!(read.verify("correct house"), Ok(false));
}

#[test]
fn of_a_password_beyond_what_bcrypt_looks_at_nobody_is_let_in_by_the_beginning() {
    let long = "x".repeat(72);
    let text = bcrypt::hash(&long, 4).unwrap();
    assert_eq!(hash(&text).verify(&long), Ok(true));
    assert_eq!(hash(&text).verify(&format!("{long}y")), Err(HashFailed::LongForBcrypt));
    assert_eq!(hash(&text).verify(&format!("{}y", "x".repeat(71))), Ok(false));
}

#[test]
fn kinds_that_protect_nothing_are_refused_with_what_to_do() {
    let why = |text: &str| PasswordHash::parse(text).unwrap_err();
    assert_eq!(why("$apr1$gqFbXoB2$gShDqdAjBeqMJ2KgvUWHu/"), HashProblem::Old("MD5"));
    assert_eq!(why("$1$abc$gShDqdAjBeqMJ2KgvUWHu/"), HashProblem::Old("MD5"));
    assert_eq!(why("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="), HashProblem::Old("SHA-1"));
    assert_eq!(why("{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="), HashProblem::Old("SHA-1"));
    assert_eq!(why(&BCRYPT.replace("$2a", "$2x")), HashProblem::Old("early bcrypt"));
    assert_eq!(why(&ARGON2ID.replace("argon2id", "argon2i")), HashProblem::Old("Argon2i"));
    assert_eq!(why("$y$j9T$abc$def"), HashProblem::Unknown);
    // DES crypt cannot be told from a plain password.
    for plain in ["rqXexS6ZhobKA", "hunter2", "", "!", "*", "x"] {
        assert_eq!(why(plain), HashProblem::Plain, "{plain}");
    }
    for problem in [why("hunter2"), why("{SHA}hunter2"), why("$apr1$hunter2"), why("$y$hunter2")] {
        let text = problem.to_string();
        assert!(text.contains("portcullis passwd") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn costs_that_would_take_the_server_s_memory_or_time_are_refused_and_the_highest_borne_are_read() {
    let argon = |m: u64, t: u64, p: u64| {
        PasswordHash::parse(&ARGON2ID.replace("m=256,t=2,p=1", &format!("m={m},t={t},p={p}")))
    };
    for (m, t, p) in [(262_144, 4, 1), (65_536, 16, 4), (128, 1, 16), (8, 1, 1)] {
        argon(m, t, p).unwrap();
    }
    for (m, t, p) in [
        (262_145, 1, 1),
        (262_144, 5, 1),
        (4_294_967_295, 1, 1),
        (8, 4_294_967_295, 1),
        (65_536, 1, 17),
        (65_536, 1, 16_777_215),
        (65_536, 1, 4_294_967_295),
    ] {
        assert!(matches!(argon(m, t, p).unwrap_err(), HashProblem::Cost(_)), "{m} {t} {p}");
    }
    // No numbers of this kind, none that Argon2 knows, or such that are no part of it.
    for (m, t, p) in
        [(4_294_967_296, 1, 1), (0, 1, 1), (8, 0, 1), (8, 1, 0), (7, 1, 1), (127, 1, 16)]
    {
        assert!(argon(m, t, p).is_err(), "{m} {t} {p}");
    }

    let bcrypt = |cost: &str| PasswordHash::parse(&BCRYPT.replace("$04$", &format!("${cost}$")));
    for cost in ["04", "12", "14"] {
        bcrypt(cost).unwrap();
    }
    for cost in ["03", "00", "15", "31", "99"] {
        assert!(matches!(bcrypt(cost).unwrap_err(), HashProblem::Cost(_)), "{cost}");
    }

    let sha = |text: &str, rounds: &str| {
        let (kind, rest) = text.split_at(3);
        PasswordHash::parse(&format!("{kind}rounds={rounds}${rest}"))
    };
    for text in [SHA256, SHA512] {
        for rounds in ["1000", "1000000"] {
            sha(text, rounds).unwrap();
        }
        for rounds in ["1", "999", "1000001", "999999999", "4294967295"] {
            assert!(matches!(sha(text, rounds).unwrap_err(), HashProblem::Cost(_)), "{rounds}");
        }
        for rounds in ["", "-1", "+5000", "05000", "5 000", "99999999999"] {
            let error = sha(text, rounds).unwrap_err();
            assert_eq!(error, HashProblem::Malformed("SHA-crypt"), "{rounds}");
        }
    }
}

#[test]
fn a_hash_that_was_cut_or_grew_is_refused() {
    for whole in [ARGON2ID, BCRYPT, SHA256, SHA512] {
        for at in 4..whole.len() {
            let cut = whole.get(..at).unwrap();
            assert!(PasswordHash::parse(cut).is_err() || is_shorter_digest(cut), "{cut}");
        }
        for more in ["$", "$x", " ", "\t", "\u{e4}", "="] {
            assert!(PasswordHash::parse(&format!("{whole}{more}")).is_err(), "{whole}{more}");
        }
    }
    // Bits that no digest leaves.
    for wrong in [SHA256.replace("WEc5", "WEcz"), SHA512.replace("inz1", "inzz")] {
        assert_eq!(PasswordHash::parse(&wrong).unwrap_err(), HashProblem::Malformed("SHA-crypt"));
    }
    // What Argon2's text may hold besides, and versions that are no more.
    for wrong in [
        ARGON2ID.replace("v=19", "v=16"),
        ARGON2ID.replace("$v=19", ""),
        ARGON2ID.replace("p=1", "p=1,keyid=AAAA"),
        ARGON2ID.replace("p=1", "p=1,data=AAAA"),
        ARGON2ID.replace("m=256,t=2,p=1", "m=256,t=2"),
        ARGON2ID.replace("c29tZXNhbHQ", "c29t"),
        ARGON2ID.replace("nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "nf65EOgLrQM"),
    ] {
        assert_eq!(
            PasswordHash::parse(&wrong).unwrap_err(),
            HashProblem::Malformed("Argon2id"),
            "{wrong}"
        );
    }
}

/// Argon2's digests may have any length from 16 bytes on.
fn is_shorter_digest(cut: &str) -> bool {
    cut.starts_with("$argon2id") && cut.rsplit('$').next().is_some_and(|digest| digest.len() >= 22)
}

#[test]
fn a_decoy_costs_what_it_stands_for_and_is_nobody_s() {
    for text in [ARGON2ID, BCRYPT, SHA256, SHA512] {
        let cost = hash(text).cost();
        let decoy = PasswordHash::decoy(cost).unwrap();
        assert_eq!(decoy.cost(), cost);
        assert_eq!(decoy.verify("password"), Ok(false));
        assert_eq!(decoy.verify(""), Ok(false));
        assert_ne!(decoy.expose_text(), PasswordHash::decoy(cost).unwrap().expose_text());
    }
}

// ---- the hashed form ----------------------------------------------------------------------------

#[test]
fn a_user_has_what_the_remarks_say_and_one_without_has_a_name_alone() {
    let text = format!(
        "# people\n\n\
         # portcullis: {{\"user\":\"jane\",\"uid\":\"7\",\"groups\":[\"dev\",\"my:ops\"]}}\n\
         jane:{ARGON2ID}\njoe:{BCRYPT}\r\n\
         #portcullis:{{\"user\": \"jane\", \"groups\": [\"on call\"], \"expires\": \"1970-01-01T00:20:00Z\"}}\n"
    );
    let file = file(&text);
    let jane = file.check(attempt("jane", "password")).unwrap().unwrap();
    let expected =
        User { uid: "7".into(), ..User::new("jane").with_groups(["dev", "my:ops", "on call"]) };
    assert_eq!((jane.user, jane.expires, jane.audiences.len()), (expected, Some(1_200), 0));
    let joe = file.check(attempt("joe", "password")).unwrap().unwrap();
    assert_eq!((joe.user, joe.expires), (User::new("joe"), None));
    assert_eq!(no(&file, "jane", "passwort"), "wrong password");
    for unknown in ["Jane", "jane ", "", "people", "portcullis"] {
        assert_eq!(file.check(attempt(unknown, "password")).unwrap(), None, "{unknown}");
    }
    assert_eq!(file.len(), 2);
}

#[test]
fn an_account_is_good_until_the_second_before_its_end() {
    let text = format!(
        "# portcullis: {{\"user\":\"jane\",\"expires\":\"1970-01-01T00:20:00Z\"}}\njane:{BCRYPT}\n"
    );
    let file = file(&text);
    let at = |now, password| file.check(PasswordAttempt { now, ..attempt("jane", password) });
    assert!(at(1_199, "password").unwrap().is_some());
    let ended = at(1_200, "password").unwrap_err();
    assert_eq!(
        ended.to_string(),
        "the account expired at 1970-01-01T00:20:00Z; `portcullis passwd --expires` sets another time"
    );
    assert!(!ended.is_unavailable());
    // Who does not know the password does not learn it.
    assert_eq!(at(1_200, "passwort").unwrap_err().to_string(), "wrong password");
    assert_eq!(file.user("jane", 1_199).map(|user| &*user.name), Some("jane"));
    assert_eq!(file.user("jane", 1_200), None);
}

#[test]
fn lines_that_cannot_be_used_are_named_with_what_to_do_and_without_the_hash() {
    let jane = format!("jane:{BCRYPT}\n");
    for (text, expected) in [
        (
            "hunter2\n".to_owned(),
            "users:1: a line is `name:hash`, this one has no colon; make lines with `portcullis passwd`",
        ),
        (
            format!("{jane}jane:{ARGON2ID}\n"),
            "users:2: `jane` stands in line 1, too; leave one of the two",
        ),
        (
            format!("\n:{BCRYPT}"),
            "users:2: the name before the colon must have 1 to 256 bytes, no control characters, no blanks at its ends and no `#` in front",
        ),
        (format!(" jane:{BCRYPT}"), "users:1: the name before the colon"),
        (format!("ja\tne:{BCRYPT}"), "users:1: the name before the colon"),
        (format!("{}:{BCRYPT}", "n".repeat(257)), "users:1: the name before the colon"),
        (
            "jane:hunter2".to_owned(),
            "users:1: the hash of `jane`: it is no hash, but a plain password or DES crypt",
        ),
        (
            "jane:$apr1$x$y".to_owned(),
            "users:1: the hash of `jane`: hashes of the kind MD5 do not protect passwords",
        ),
        (
            format!("jane:{BCRYPT}:19000:0:99999:7:::"),
            "users:1: something follows the hash of `jane`",
        ),
        (format!("system:admin:{BCRYPT}"), "users:1: something follows the hash of `system`"),
        (
            format!("# portcullis: {{\"user\":\"jane\",\"groups\":[\"system:masters\"]}}\n{jane}"),
            "users:2: the group `system:masters` is reserved for Kubernetes; take a name that does not begin with `system:`",
        ),
        (
            format!("{jane}# portcullis: {{\"user\":\"joe\",\"groups\":[\"dev\"]}}"),
            "users:2: `joe` is described here and has no line `joe:hash`",
        ),
        (
            format!("{jane}# portcullis: {{\"user\":\"jane\",\"group\":[\"dev\"]}}"),
            "users:2: a line `# portcullis:` goes on with a JSON object of `user`, and of `uid`, `groups` and `expires` what there is to say: unknown field `group`",
        ),
        (
            format!("{jane}# portcullis: {{\"groups\":[\"dev\"]}}"),
            "users:2: a line `# portcullis:`",
        ),
        (format!("{jane}# portcullis: jane dev"), "users:2: a line `# portcullis:`"),
        (format!("{jane}# portcullis: {{\"user\":\"jane\"}} x"), "users:2: a line `# portcullis:`"),
        (
            format!(
                "{jane}# portculis: {{\"user\":\"jane\",\"expires\":\"2027-01-01T00:00:00Z\"}}"
            ),
            "users:2: this remark looks like a line",
        ),
        (
            format!("{jane}# portcullis: {{\"user\":\"jane\",\"expires\":\"never\"}}"),
            "users:2: `expires` must be an RFC 3339 time",
        ),
        (
            format!(
                "{jane}# portcullis: {{\"user\":\"jane\",\"uid\":\"1\"}}\n#\n# portcullis: {{\"user\":\"jane\",\"uid\":\"2\"}}"
            ),
            "users:4: `uid` of `jane` is said in line 2, too",
        ),
        (
            format!("{jane}# portcullis: {{\"user\":\"jane\",\"groups\":[\"\"]}}"),
            "users:2: `groups` is empty or holds control characters",
        ),
        (
            format!("{jane}# portcullis: {{\"user\":\"jane\",\"groups\":[\"a\\nb\"]}}"),
            "users:2: `groups` is empty or holds control characters",
        ),
    ] {
        let error = refused(&text);
        assert!(error.starts_with(expected), "{error}\n{expected}");
        assert!(!error.contains("UuTkLRZZ") && !error.contains("hunter2"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn reserved_groups_are_read_where_they_are_allowed() {
    let text = format!(
        "# portcullis: {{\"user\":\"jane\",\"groups\":[\"system:masters\"]}}\njane:{BCRYPT}\n"
    );
    let (file, _) = PasswordFile::from_hashed(PATH, &text, ReservedNames::Allow).unwrap();
    let jane = file.check(attempt("jane", "password")).unwrap().unwrap();
    assert_eq!(jane.user.groups, ["system:masters"]);
    assert!(refused(&text).contains("`system:masters`"));
}

#[test]
fn a_file_is_rewritten_with_the_remarks_of_others_and_reads_as_before() {
    let text = format!(
        "# people\n\n# portcullis: {{\"user\":\"jane\",\"groups\":[\"dev\"]}}\njane:{ARGON2ID}\n# guests\njoe:{BCRYPT}\n"
    );
    let parse = |text: &str| HashedPasswords::parse(PATH, text, ReservedNames::Refuse).unwrap();
    let mut rows = parse(&text);
    assert_eq!(rows.expose_text(), text);

    let user = User { uid: "7".into(), ..User::new("joe").with_groups(["ops"]) };
    rows.set(PasswordRow::new(user, hash(BCRYPT), Some(1_200)).unwrap()).unwrap();
    assert!(rows.set(PasswordRow::new(User::new("ann"), hash(SHA256), None).unwrap()).is_none());
    assert!(rows.remove("jane").is_some());
    assert!(rows.remove("jane").is_none());
    assert_eq!(
        rows.expose_text(),
        format!(
            "# people\n\n# guests\n# portcullis: {{\"user\":\"joe\",\"uid\":\"7\",\"expires\":\"1970-01-01T00:20:00Z\",\
             \"groups\":[\"ops\"]}}\njoe:{BCRYPT}\nann:{SHA256}\n"
        )
    );
    let again = parse(&rows.expose_text());
    assert_eq!(again.get("joe").unwrap().user().uid, "7");
    assert_eq!(again.rows().map(|row| row.user().name.clone()).collect::<Vec<_>>(), ["joe", "ann"]);
}

#[test]
fn many_groups_are_said_in_several_short_lines_and_come_back_in_order() {
    let groups: Vec<String> = (0..40).map(|number| format!("group \"{number}\" of many")).collect();
    let user = User { uid: "7".into(), ..User::new("jane").with_groups(&groups) };
    let mut rows = HashedPasswords::default();
    rows.set(PasswordRow::new(user, hash(BCRYPT), Some(1_200)).unwrap());
    let text = rows.expose_text();
    assert!(text.lines().count() > 4);
    assert!(text.lines().all(|line| line.len() < 255), "{text}");
    let read = file(&text);
    assert_eq!(read.user("jane", 0).unwrap().groups, groups);
    assert_eq!(read.user("jane", 1_200), None);
}

#[test]
fn what_cannot_be_a_line_is_no_row() {
    let row = |user: User, expires| PasswordRow::new(user, hash(BCRYPT), expires).unwrap_err();
    assert_eq!(row(User::new("a:b"), None), LineProblem::Colon);
    for name in ["", " a", "#a", "a\n", "a\0b"] {
        assert_eq!(row(User::new(name), None), LineProblem::Name, "{name:?}");
    }
    assert!(matches!(row(User::new("system"), Some(i64::MAX)), LineProblem::Expires));
    assert!(matches!(
        row(User::new("jane").with_groups(["system:nodes"]), None),
        LineProblem::Reserved(_)
    ));
    assert_eq!(row(User::new("jane").with_groups([""]), None), LineProblem::Value("groups"));
    let uid = User { uid: "a\nb".into(), ..User::new("jane") };
    assert_eq!(row(uid, None), LineProblem::Value("uid"));
    assert!(PasswordRow::check(&User::new("jane").with_groups(["dev"])).is_ok());
}

#[test]
fn weak_and_mixed_costs_are_remarked_upon_and_good_ones_are_not() {
    let good = PasswordHash::of(&Secret::new("x".to_owned())).unwrap();
    let good = good.expose_text();
    let notices = |text: &str| {
        let (_, notices) = PasswordFile::from_hashed(PATH, text, ReservedNames::Refuse).unwrap();
        notices.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(notices(&format!("jane:{good}\njoe:{good}\n")), [""; 0]);
    assert_eq!(notices(""), [""; 0]);
    assert_eq!(
        notices(&format!("jane:{good}\n\nann:{BCRYPT}\njoe:{good}\n")),
        [
            "users:3: the hash of `ann` (bcrypt 4) is tried too fast by whoever gets hold of the file; a \
             new password by `portcullis passwd` has a better one",
            "users: 1 of 3 hashes cost something else than argon2id m=19456,t=2,p=1, what an unknown name \
             costs: the time of a refusal tells their names; new passwords by `portcullis passwd` cost the \
             same"
        ]
    );
}

#[test]
fn an_unknown_name_costs_what_most_names_cost() {
    let costs = |text: &str, name: &str| match file(text).question(attempt(name, "guess")) {
        Some(Question::Hash(hash)) => hash.cost(),
        _ => panic!("nothing to hash"),
    };
    let text = format!("a:{SHA256}\nb:{BCRYPT}\nc:{BCRYPT}\n");
    assert_eq!(costs(&text, "a"), Cost::Sha256Crypt { rounds: 5_000 });
    assert_eq!(costs(&text, "b"), Cost::Bcrypt { cost: 4 });
    assert_eq!(costs(&text, "nobody"), Cost::Bcrypt { cost: 4 });
    assert_eq!(costs("", "nobody"), Cost::DEFAULT);
}

#[test]
fn empty_nul_and_overlong_are_no_attempts() {
    // Were anybody's password empty, nobody would get in with it.
    let text = format!("jane:{}\n", bcrypt::hash("", 4).unwrap());
    let file = file(&text);
    for password in ["", "\0", "a\0", &"x".repeat(1025)] {
        assert_eq!(file.check(attempt("jane", password)).unwrap(), None);
    }
    assert!(file.check(attempt("jane", "x")).is_err());
}

// ---- the API server's form ----------------------------------------------------------------------

fn csv(text: &str, names: ReservedNames) -> Result<(PasswordFile, Vec<String>), PasswordFileError> {
    let (file, notices) = PasswordFile::from_csv(PATH, Secret::new(text.to_owned()), names)?;
    Ok((file, notices.iter().map(ToString::to_string).collect()))
}

#[test]
fn a_record_of_the_csv_is_password_user_uid_and_groups() {
    let text = "open sesame,jane,7,\"dev,ops\"\n\nhunter2,joe,8\nx,ann,9,\nt,zoe,1,a,b\n";
    let (file, notices) = csv(text, ReservedNames::Refuse).unwrap();
    let yes = |name, password| file.check(attempt(name, password)).unwrap().unwrap();
    let jane = yes("jane", "open sesame");
    assert_eq!(
        (&*jane.user.uid, &*jane.user.groups),
        ("7", &["dev".to_owned(), "ops".to_owned()][..])
    );
    assert_eq!((jane.expires, jane.audiences.len()), (None, 0));
    assert_eq!(yes("joe", "hunter2").user.groups, [""; 0]);
    // S-TOKF-4, S-TOKF-1.
    assert_eq!(yes("ann", "x").user.groups, [""]);
    assert_eq!(yes("zoe", "t").user.groups, ["a"]);
    for wrong in ["open sesame ", "Open sesame", "hunter2", "open", "7"] {
        assert_eq!(no(&file, "jane", wrong), "wrong password");
    }
    assert_eq!(file.check(attempt("nobody", "open sesame")).unwrap(), None);
    assert_eq!(notices.len(), 1);
    assert!(
        notices[0].starts_with("'users' holds 4 passwords in plain text: who reads it"),
        "{notices:?}"
    );
}

#[test]
fn of_two_records_for_one_user_the_last_counts_and_it_is_said() {
    let text = "first,jane,1\nsecond,jane,2\n";
    let (file, notices) = csv(text, ReservedNames::Refuse).unwrap();
    assert_eq!(file.check(attempt("jane", "second")).unwrap().unwrap().user.uid, "2");
    assert_eq!(no(&file, "jane", "first"), "wrong password");
    assert_eq!(
        notices[1],
        "duplicate username 'jane' has been found in password file 'users', record number '2'"
    );
}

#[test]
fn an_empty_password_of_the_csv_lets_nobody_in() {
    let (file, notices) = csv(",jane,1\n", ReservedNames::Refuse).unwrap();
    assert_eq!(file.check(attempt("jane", "")).unwrap(), None);
    assert_eq!(no(&file, "jane", "x"), "wrong password");
    assert_eq!(
        notices[1],
        "empty password has been found in password file 'users', record number '1': nobody gets in with it"
    );
}

#[test]
fn too_few_columns_and_bad_quotes_are_said_in_the_words_of_the_api_server() {
    let error = |text| csv(text, ReservedNames::Refuse).unwrap_err().to_string();
    assert_eq!(
        error("a,b,c\nhunter2,jane\n"),
        "password file 'users' must have at least 3 columns (password, user name, user uid), found 2"
    );
    assert_eq!(
        error("hunt\"er2,jane,1"),
        "parse error on line 1, column 5: bare \" in non-quoted field"
    );
}

#[test]
fn reserved_names_of_the_csv_are_refused_unless_they_are_allowed() {
    let text = "x,admin,1,system:masters\n";
    assert_eq!(
        csv(text, ReservedNames::Refuse).unwrap_err().to_string(),
        "password file 'users', record number '1': the group `system:masters` is reserved for Kubernetes; \
         take another, or allow reserved names for this file"
    );
    let (file, _) = csv(text, ReservedNames::Allow).unwrap();
    assert_eq!(file.check(attempt("admin", "x")).unwrap().unwrap().user.groups, ["system:masters"]);
}

// ---- from a server ------------------------------------------------------------------------------

fn pool(parallel: usize, waiting: usize) -> Arc<HashPool> {
    Arc::new(HashPool::new(PoolLimits { parallel, waiting }))
}

fn authenticator(text: &str, pool: &Arc<HashPool>) -> FileAuthenticator {
    FileAuthenticator::new(file(text), Arc::clone(pool))
}

#[tokio::test]
async fn who_comes_when_the_queue_is_full_is_told_so_and_who_waits_is_answered() {
    let slow = format!("jane:{}\n", bcrypt::hash("password", 8).unwrap());
    let pool = pool(1, 1);
    let users = authenticator(&slow, &pool);
    let ask = |password| users.authenticate(attempt("jane", password));
    let (first, second, third) = tokio::join!(ask("password"), ask("wrong"), ask("password"));
    assert!(first.unwrap().is_some());
    assert_eq!(second.unwrap_err().to_string(), "wrong password");
    let busy = third.unwrap_err();
    assert_eq!(busy.to_string(), "too many passwords are being checked; try again");
    assert!(busy.is_unavailable());
    assert_eq!(pool.load(), 0);
    assert!(ask("password").await.unwrap().is_some());
}

#[tokio::test]
async fn who_stops_waiting_leaves_the_queue() {
    let slow = format!("jane:{}\n", bcrypt::hash("password", 8).unwrap());
    let pool = pool(1, 1);
    let users = authenticator(&slow, &pool);
    let mut running = users.authenticate(attempt("jane", "password"));
    let mut waiting = users.authenticate(attempt("jane", "password"));
    tokio::select! { biased; _ = &mut running => panic!("too fast"), () = std::future::ready(()) => {} }
    tokio::select! { biased; _ = &mut waiting => panic!("too fast"), () = std::future::ready(()) => {} }
    assert_eq!(pool.load(), 2);
    drop(waiting);
    assert_eq!(pool.load(), 1);
    // What runs keeps its place, though nobody waits for it any more.
    drop(running);
    assert_eq!(pool.load(), 1);
    assert!(users.authenticate(attempt("jane", "password")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_remembered_password_is_not_hashed_again_until_it_is_forgotten() {
    let text = format!(
        "# portcullis: {{\"user\":\"jane\",\"expires\":\"1970-01-01T00:18:00Z\"}}\njane:{BCRYPT}\n"
    );
    let pool = pool(1, 0);
    let users = authenticator(&text, &pool).remembering(60, 1).unwrap();
    let at =
        |now, password| users.authenticate(PasswordAttempt { now, ..attempt("jane", password) });
    assert!(at(1_000, "password").await.unwrap().is_some());
    // With every place taken, only what is remembered is answered.
    let slow = format!("x:{}\n", bcrypt::hash("password", 10).unwrap());
    let blocker = authenticator(&slow, &pool);
    let mut blocked = blocker.authenticate(attempt("x", "y"));
    tokio::select! { biased; _ = &mut blocked => panic!("too fast"), () = std::future::ready(()) => {} }
    assert!(at(1_059, "password").await.unwrap().is_some());
    assert!(at(1_000, "passwort").await.unwrap_err().is_unavailable());
    assert!(at(1_060, "password").await.unwrap_err().is_unavailable());
    assert!(at(999, "password").await.unwrap_err().is_unavailable());
    drop(blocked.await);
    // The end of the account counts all the same.
    assert!(at(1_079, "password").await.unwrap().is_some());
    assert!(at(1_080, "password").await.unwrap_err().to_string().contains("expired"));
}

#[tokio::test]
async fn nothing_is_remembered_unless_it_is_asked_for() {
    let pool = pool(1, 0);
    let users = authenticator(&format!("jane:{BCRYPT}\n"), &pool);
    assert!(users.authenticate(attempt("jane", "password")).await.unwrap().is_some());
    let slow = format!("x:{}\n", bcrypt::hash("password", 10).unwrap());
    let blocker = authenticator(&slow, &pool);
    let mut blocked = blocker.authenticate(attempt("x", "y"));
    tokio::select! { biased; _ = &mut blocked => panic!("too fast"), () = std::future::ready(()) => {} }
    assert!(users.authenticate(attempt("jane", "password")).await.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn the_groups_of_a_user_are_those_of_the_file_until_the_account_ends() {
    let text = format!(
        "# portcullis: {{\"user\":\"jane\",\"groups\":[\"dev\"],\"expires\":\"1970-01-01T00:20:00Z\"}}\n\
         jane:{BCRYPT}\n"
    );
    let at = |now: i64| {
        let clock = Clock::new(move || Moment::from_seconds(now));
        authenticator(&text, &pool(1, 1)).with_clock(clock)
    };
    let jane = User::new("jane").with_groups(["frozen"]);
    assert_eq!(at(1_199).groups_of(&jane).await.unwrap(), Some(vec!["dev".to_owned()]));
    assert_eq!(at(1_200).groups_of(&jane).await.unwrap(), None);
    assert_eq!(at(0).groups_of(&User::new("joe")).await.unwrap(), None);
}

// ---- several ------------------------------------------------------------------------------------

/// What an authenticator says, and how often it was asked.
struct Saying {
    says: fn() -> crate::authn::Outcome,
    asked: AtomicUsize,
}

impl Saying {
    fn new(says: fn() -> crate::authn::Outcome) -> Arc<Self> {
        Arc::new(Self { says, asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl PasswordAuthenticator for Saying {
    fn name(&self) -> &str {
        "saying"
    }

    fn authenticate<'a>(&'a self, _: PasswordAttempt<'a>) -> Answering<'a> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        ready((self.says)())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(&'static str);

fn yes(name: &str, groups: &[&str]) -> crate::authn::Outcome {
    let user = User::new(name).with_groups(groups.iter().copied());
    Ok(Some(Authenticated { user, audiences: Vec::new(), expires: None }))
}

fn users(text: &str) -> Arc<FileAuthenticator> {
    Arc::new(authenticator(text, &pool(2, 8)))
}

#[tokio::test]
async fn the_first_who_says_yes_wins_and_errors_do_not_end_the_search() {
    let one = users(&format!("jane:{}\n", bcrypt::hash("first", 4).unwrap()));
    let two = users(&format!(
        "# portcullis: {{\"user\":\"jane\",\"uid\":\"2\",\"groups\":[\"dev\"]}}\njane:{BCRYPT}\n"
    ));
    let down = Saying::new(|| Err(AuthnError::unavailable(Said("no answer"))));
    let never = Saying::new(|| yes("never", &[]));
    let chain = PasswordChain::default().with(one).with(down.clone()).with(two).with(never.clone());
    let told = std::sync::Mutex::new(Vec::new());
    let said = |name: &str, outcome: &crate::authn::Outcome| {
        told.lock().unwrap().push(format!("{name} {}", outcome.is_ok()));
    };
    let proof = chain.find_telling(attempt("jane", "password"), said).await.unwrap();
    assert_eq!(proof.authenticated.user.uid, "2");
    assert_eq!(proof.authenticated.user.groups, ["dev", "system:authenticated"]);
    assert_eq!(&*proof.authenticator, "password-file");
    assert_eq!(
        *told.lock().unwrap(),
        ["password-file false", "saying false", "password-file true"]
    );
    assert_eq!((down.asked(), never.asked()), (1, 0));
}

#[tokio::test]
async fn a_refusal_says_in_the_log_what_it_does_not_say_outside() {
    let file = users(&format!("jane:{BCRYPT}\n"));
    let chain = PasswordChain::default().with(file.clone());
    let refusal = |name, password| {
        let chain = &chain;
        async move { chain.find(attempt(name, password)).await.unwrap_err() }
    };
    let known = refusal("jane", "guess").await;
    let unknown = refusal("nobody", "guess").await;
    // S-BASIC-1: to the outside they are one.
    assert_eq!(
        known.to_string(),
        "invalid username/password combination: password-file: wrong password"
    );
    assert_eq!(unknown.to_string(), "invalid username/password combination");
    for refusal in [known, unknown] {
        assert_eq!(
            (refusal.kind(), refusal.retry_after(), refusal.is_unavailable()),
            ("wrong", None, false)
        );
    }
    let down = Saying::new(|| Err(AuthnError::unavailable(Said("no answer"))));
    let chain = PasswordChain::default().with(file).with(down);
    let refusal = chain.find(attempt("jane", "guess")).await.unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "the password could not be checked: password-file: wrong password; saying: no answer"
    );
    assert!(refusal.is_unavailable());
}

#[tokio::test]
async fn what_is_no_attempt_is_refused_before_anybody_is_asked() {
    let anybody = Saying::new(|| yes("jane", &[]));
    let chain = PasswordChain::default().with(anybody.clone());
    let (long_name, long_password) = ("n".repeat(257), "p".repeat(1025));
    for (name, password, problem) in [
        ("jane", "", AttemptProblem::EmptyPassword),
        ("jane", "\0", AttemptProblem::NulPassword),
        ("jane", "a\0b", AttemptProblem::NulPassword),
        ("jane", &long_password, AttemptProblem::LongPassword),
        ("", "x", AttemptProblem::EmptyName),
        ("ja\0ne", "x", AttemptProblem::ControlName),
        ("jane\n", "x", AttemptProblem::ControlName),
        (&long_name, "x", AttemptProblem::LongName),
        ("system:admin", "x", AttemptProblem::ReservedName),
        (" system:admin", "x", AttemptProblem::ReservedName),
    ] {
        match chain.find(attempt(name, password)).await.unwrap_err() {
            PasswordRefusal::Malformed(found) => assert_eq!(found, problem),
            other => panic!("{other}"),
        }
    }
    assert_eq!(anybody.asked(), 0);
    assert!(chain.find(attempt("jane", " ")).await.is_ok());
    assert_eq!(anybody.asked(), 1);
}

#[tokio::test]
async fn reserved_names_are_given_by_no_member_but_one_that_may() {
    let masters = Saying::new(|| yes("jane", &["system:masters"]));
    let node = Saying::new(|| yes("system:node:a", &[]));
    let nobody = Saying::new(|| yes("", &["dev"]));
    let chain = PasswordChain::default().with(masters.clone()).with(node).with(nobody);
    assert_eq!(
        chain.find(attempt("jane", "x")).await.unwrap_err().to_string(),
        "invalid username/password combination: saying: it gave the group `system:masters`, which is \
         reserved for Kubernetes' own authenticators; saying: it gave the user name `system:node:a`, which \
         is reserved for Kubernetes' own authenticators; saying: it gave a user without a name; name whose \
         password it is"
    );
    let chain = PasswordChain::default().with_names(masters, ReservedNames::Allow);
    let proof = chain.find(attempt("jane", "x")).await.unwrap();
    assert_eq!(proof.authenticated.user.groups, ["system:masters", "system:authenticated"]);
    // One that may does not open the door for others.
    let (may, may_not) = (Saying::new(|| Ok(None)), Saying::new(|| yes("jane", &[])));
    let chain = PasswordChain::default()
        .with_names(may.clone(), ReservedNames::Allow)
        .with(may_not.clone());
    assert!(chain.find(attempt("system:admin", "x")).await.is_err());
    assert_eq!((may.asked(), may_not.asked()), (1, 0));
}

#[tokio::test]
async fn a_throttled_attempt_asks_nobody_and_says_when_to_come_again() {
    let throttle = Arc::new(Throttle::new(ThrottleConfig::default()).unwrap());
    let file = users(&format!("jane:{BCRYPT}\n"));
    let counted = Saying::new(|| Ok(None));
    let chain = PasswordChain::default().with(counted.clone()).with(file).throttled(throttle);
    let from = |source: &str, password, now| {
        let attempt =
            PasswordAttempt { source: source.parse().ok(), now, ..attempt("jane", password) };
        chain.find(attempt)
    };
    for _ in 0..5 {
        assert_eq!(from("192.0.2.1", "guess", 10).await.unwrap_err().kind(), "wrong");
    }
    assert_eq!(counted.asked(), 5);
    // Not even the right password.
    let refusal = from("192.0.2.1", "password", 10).await.unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "too many failures of this source at this user; come again in 2 s"
    );
    assert_eq!((refusal.kind(), refusal.retry_after()), ("throttled", Some(2)));
    assert_eq!(counted.asked(), 5);
    // From elsewhere it is right at once, and from there when the lock has ended.
    assert!(from("192.0.2.2", "password", 10).await.is_ok());
    assert!(from("192.0.2.1", "password", 12).await.is_ok());
    assert_eq!(from("192.0.2.1", "guess", 12).await.unwrap_err().kind(), "wrong");
}

#[tokio::test]
async fn an_unknown_name_is_throttled_like_a_known_one() {
    let throttle = Arc::new(Throttle::new(ThrottleConfig::default()).unwrap());
    let chain =
        PasswordChain::default().with(users(&format!("jane:{BCRYPT}\n"))).throttled(throttle);
    let mut kinds = [Vec::new(), Vec::new()];
    for _ in 0..8 {
        for (name, kinds) in ["jane", "nobody"].into_iter().zip(&mut kinds) {
            let attempt =
                PasswordAttempt { source: "192.0.2.1".parse().ok(), ..attempt(name, "guess") };
            let refusal = chain.find(attempt).await.unwrap_err();
            kinds.push((refusal.kind(), refusal.retry_after()));
        }
    }
    assert_eq!(kinds[0], kinds[1]);
    assert_eq!(kinds[0].last(), Some(&("throttled", Some(2))));
}

#[tokio::test]
async fn an_outage_is_nobody_s_failure_and_a_client_that_hangs_up_is() {
    let throttle = Arc::new(Throttle::new(ThrottleConfig::default()).unwrap());
    let down = Saying::new(|| Err(AuthnError::unavailable(Said("no answer"))));
    let chain = PasswordChain::default().with(down).throttled(Arc::clone(&throttle));
    for _ in 0..50 {
        assert!(chain.find(attempt("jane", "x")).await.unwrap_err().is_unavailable());
    }
    let file = users(&format!("jane:{}\n", bcrypt::hash("password", 8).unwrap()));
    let chain = PasswordChain::default().with(file).throttled(throttle);
    for _ in 0..5 {
        let mut asking = Box::pin(chain.find(attempt("jane", "x")));
        tokio::select! { biased; _ = &mut asking => panic!("too fast"), () = std::future::ready(()) => {} }
    }
    assert_eq!(chain.find(attempt("jane", "x")).await.unwrap_err().kind(), "throttled");
}
