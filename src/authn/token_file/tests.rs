use super::*;

const PATH: &str = "tokens";
const ALLOW: ReservedNames = ReservedNames::Allow;
const REFUSE: ReservedNames = ReservedNames::Refuse;

fn csv(text: &str) -> Result<(TokenFile, Vec<String>), TokenFileError> {
    let (file, notices) = TokenFile::from_csv(PATH, Secret::new(text.to_owned()), REFUSE)?;
    Ok((file, notices.iter().map(ToString::to_string).collect()))
}

#[track_caller]
fn user(file: &TokenFile, token: &str) -> Option<User> {
    let found = file.find(Attempt { token, audiences: &[], now: 0 }).unwrap();
    found.map(|found| {
        assert_eq!((found.audiences.len(), found.expires), (0, None));
        found.user
    })
}

#[track_caller]
fn groups(text: &str) -> Vec<String> {
    user(&csv(text).unwrap().0, "t").unwrap().groups
}

// ---- the API server's form ----------------------------------------------------------------------

#[test]
fn a_token_of_the_csv_is_its_user_and_anything_else_is_nobody() {
    let (file, notices) = csv("t0k3n,jane,7,\"dev,ops\"\n\nother,joe,,\n").unwrap();
    assert_eq!(file.len(), 2);
    assert_eq!(notices, [""; 0]);
    let jane = user(&file, "t0k3n").unwrap();
    assert_eq!((jane.name.as_str(), jane.uid.as_str()), ("jane", "7"));
    assert_eq!(jane.groups, ["dev", "ops"]);
    for token in ["", "t0k3", "t0k3n ", " t0k3n", "T0K3N", "jane"] {
        assert_eq!(user(&file, token), None, "{token:?}");
    }
}

#[test]
fn the_fourth_column_is_a_list_even_when_it_is_empty() {
    assert_eq!(groups("t,u,1"), [""; 0]);
    // S-TOKF-4: one group with an empty name.
    assert_eq!(groups("t,u,1,"), [""]);
    assert_eq!(groups("t,u,1,\"a,b\""), ["a", "b"]);
    assert_eq!(groups("t,u,1,\" a , b\""), [" a ", " b"]);
    // S-TOKF-1: without quotes only the first is a group.
    assert_eq!(groups("t,u,1,a,b"), ["a"]);
}

#[test]
fn user_and_uid_may_be_empty_and_the_token_may_not() {
    let (file, notices) = csv("a,,\n,u,1\n\"\",u,1\nb,u,1").unwrap();
    assert_eq!(user(&file, "a").unwrap(), User::default());
    assert_eq!(user(&file, ""), None);
    assert!(user(&file, "b").is_some());
    assert_eq!(
        notices,
        [2, 3].map(|record| format!(
            "empty token has been found in token file 'tokens', record number '{record}'"
        ))
    );
}

#[test]
fn of_two_records_with_one_token_the_last_counts_and_it_is_said() {
    let (file, notices) = csv("t,first,1\n\n,x,\nt,last,2\n").unwrap();
    assert_eq!(user(&file, "t").unwrap().name, "last");
    assert_eq!(
        notices,
        [
            "empty token has been found in token file 'tokens', record number '2'",
            "duplicate token has been found in token file 'tokens', record number '3'"
        ]
    );
}

#[test]
fn too_few_columns_and_bad_quotes_fail_the_load_in_the_words_of_the_api_server() {
    for (text, error) in [
        (
            "t,u,1\nt,u\n",
            "token file 'tokens' must have at least 3 columns (token, user name, user uid), found 2",
        ),
        (
            " \n",
            "token file 'tokens' must have at least 3 columns (token, user name, user uid), found 1",
        ),
        // Checked before the emptiness of the token.
        (
            ",u\n",
            "token file 'tokens' must have at least 3 columns (token, user name, user uid), found 2",
        ),
        ("t\"x,u,1", "parse error on line 1, column 2: bare \" in non-quoted field"),
    ] {
        assert_eq!(csv(text).unwrap_err().to_string(), error);
    }
}

#[test]
fn reserved_names_fail_the_load_unless_they_are_allowed() {
    for (text, error) in [
        (
            "a,b,c\nt,system:admin,1\n",
            "token file 'tokens', record number '2': the user name `system:admin` is reserved for Kubernetes; take another, or allow reserved names for this file",
        ),
        (
            "t,jane,1,\"dev,system:masters\"\n",
            "token file 'tokens', record number '1': the group `system:masters` is reserved for Kubernetes; take another, or allow reserved names for this file",
        ),
    ] {
        assert_eq!(csv(text).unwrap_err().to_string(), error);
        let (file, _) = TokenFile::from_csv(PATH, Secret::new(text.to_owned()), ALLOW).unwrap();
        assert!(user(&file, "t").is_some());
    }
    // A prefix is a prefix: these are nobody's of Kubernetes.
    assert_eq!(groups("t,systemic,1,my-system:masters"), ["my-system:masters"]);
    // White space before it would be lost in a header, and is no disguise.
    assert!(csv("t,jane,1,\" system:masters\"").is_err());
}

#[test]
fn nothing_shows_a_token() {
    let (file, _) = csv("hunter2,jane,1\n").unwrap();
    assert_eq!(format!("{file:?}"), "TokenFile { tokens: 1, .. }");
    let text = Secret::new("hunter2,jane,1\n".to_owned());
    let read = CsvTokens::read(PATH, &text, REFUSE).unwrap();
    assert!(!format!("{read:?}").contains("hunter2"));
    assert!(!format!("{:?}", NewToken::generate().unwrap()).contains("pct_"));
}

// ---- the hashed form ----------------------------------------------------------------------------

/// The SHA-256 of `t0k3n`, as `sha256sum` has it.
const T0K3N: &str = "sha256:b81c829ac55e858ea27c2a4014d2a073a189ef391f1c85d4214f857d4d5c039a";

fn row(fields: &str) -> String {
    format!(
        "{FIRST_LINE}\nid,digest,user,uid,groups,expires,comment\n{}\n",
        fields.replace("DIGEST", T0K3N)
    )
}

fn hashed(fields: &str) -> Result<TokenFile, String> {
    TokenFile::from_hashed(PATH, &row(fields), REFUSE).map_err(|error| error.to_string())
}

#[test]
fn a_hashed_token_is_its_user_until_it_ends() {
    let file = hashed("a,DIGEST,jane,7,\"dev,ops\",1970-01-01T00:01:40Z,laptop").unwrap();
    let at = |now| file.find(Attempt { token: "t0k3n", audiences: &[], now });
    let found = at(99).unwrap().unwrap();
    assert_eq!(found.expires, Some(100));
    assert_eq!(
        found.user,
        User { uid: "7".into(), ..User::new("jane").with_groups(["dev", "ops"]) }
    );
    for now in [100, 101, i64::MAX] {
        let error = at(now).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the token `a` expired at 1970-01-01T00:01:40Z; ask for a new one"
        );
        assert_eq!(error.get().downcast_ref::<TokenExpired>().unwrap().id(), "a");
    }
    let other = Attempt { token: "other", audiences: &[], now: 0 };
    assert_eq!(file.find(other).unwrap(), None);
}

#[test]
fn the_digest_itself_is_no_token() {
    let file = hashed("a,DIGEST,jane,,,never,").unwrap();
    let digest = TokenDigest::of("t0k3n").to_string();
    assert_eq!(user(&file, &digest), None);
    assert_eq!(user(&file, digest.trim_start_matches("sha256:")), None);
    assert!(user(&file, "t0k3n").is_some());
}

#[test]
fn rows_that_cannot_be_used_are_named_with_file_line_field_and_what_to_do() {
    for (fields, error) in [
        (
            "a,DIGEST,jane,,,never",
            "a row has 7 fields, this one has 6; write fields with commas in quotes",
        ),
        (
            "a,DIGEST,jane,,dev,ops,never,",
            "a row has 7 fields, this one has 8; write fields with commas in quotes",
        ),
        (
            ",DIGEST,jane,,,never,",
            "`id` must be 1 to 32 of the characters a-z, A-Z, 0-9, `-` and `.`; it names the row, and is no secret",
        ),
        (
            "a_b,DIGEST,jane,,,never,",
            "`id` must be 1 to 32 of the characters a-z, A-Z, 0-9, `-` and `.`; it names the row, and is no secret",
        ),
        (
            "a,t0k3n,jane,,,never,",
            "`digest` must be `sha256:` and 64 lower-case hex digits: the SHA-256 of the token; make rows with `portcullis token new`",
        ),
        ("a,DIGEST,,,,never,", "`user` is empty; say whose token it is"),
        (
            "a,DIGEST,system:admin,,,never,",
            "the user name `system:admin` is reserved for Kubernetes; take a name that does not begin with `system:`",
        ),
        (
            "a,DIGEST,jane,,\"dev,system:masters\",never,",
            "the group `system:masters` is reserved for Kubernetes; take a name that does not begin with `system:`",
        ),
        (
            "a,DIGEST,jane,,\"dev,\",never,",
            "`groups` holds an empty name; write `a,b`, or nothing for no groups",
        ),
        (
            "a,DIGEST,jane,,,,",
            "`expires` must be an RFC 3339 time such as `2027-01-31T00:00:00Z`, or `never`",
        ),
        (
            "a,DIGEST,jane,,,2027-01-31,",
            "`expires` must be an RFC 3339 time such as `2027-01-31T00:00:00Z`, or `never`",
        ),
        (
            "a,DIGEST,jane,,,2027-01-31T00:00:00,",
            "`expires` must be an RFC 3339 time such as `2027-01-31T00:00:00Z`, or `never`",
        ),
        (
            "a,DIGEST,jane,,,2027-02-30T00:00:00Z,",
            "`expires` must be an RFC 3339 time such as `2027-01-31T00:00:00Z`, or `never`",
        ),
        (
            "a,DIGEST,jane,,,2027-01-31 00:00:00Z,",
            "`expires` must be an RFC 3339 time such as `2027-01-31T00:00:00Z`, or `never`",
        ),
        (
            "a,DIGEST,jane,,,Never,",
            "`expires` must be an RFC 3339 time such as `2027-01-31T00:00:00Z`, or `never`",
        ),
        (
            "a,DIGEST,\"ja\nne\",,,never,",
            "`user` holds control characters or newlines; leave them out",
        ),
    ] {
        assert_eq!(hashed(fields).unwrap_err(), format!("tokens:3: {error}"), "{fields}");
    }
    assert_eq!(
        hashed("a,\"DIGEST\"x,jane,,,never,").unwrap_err(),
        "tokens:3: parse error on line 3, column 75: extraneous or missing \" in quoted-field"
    );
}

#[test]
fn ids_and_digests_stand_once() {
    let other = TokenDigest::of("other");
    assert_eq!(
        hashed(&format!("a,DIGEST,jane,,,never,\n\na,{other},joe,,,never,")).unwrap_err(),
        "tokens:5: `id` `a` is taken by another row; give each row its own"
    );
    assert_eq!(
        hashed("a,DIGEST,jane,,,never,\nb,DIGEST,joe,,,never,").unwrap_err(),
        "tokens:4: `digest` is that of the row `a`, too; a token belongs to one row"
    );
    assert_eq!(hashed(&format!("a,DIGEST,j,,,never,\nb,{other},j,,,never,")).unwrap().len(), 2);
}

#[test]
fn another_format_or_other_columns_are_refused() {
    let first = "`tokens` does not begin with the line `# portcullis tokens, format 1`; make such a \
                 file with `portcullis token new` or, from the API server's CSV, with `portcullis \
                 token hash`";
    let columns = "tokens:2: this line must be `id,digest,user,uid,groups,expires,comment`: these \
                   columns, in this order, and no others";
    let good = row("a,DIGEST,jane,,,never,");
    for (text, error) in [
        (String::new(), first),
        ("t0k3n,jane,7\n".to_owned(), first),
        (good.replace("format 1", "format 2"), first),
        (format!("\u{feff}{good}"), first),
        (FIRST_LINE.to_owned(), first),
        (format!("{FIRST_LINE}\n"), columns),
        (good.replace(",comment", ",comment,admin"), columns),
        (good.replace("uid,groups", "groups,uid"), columns),
        (good.replace("id,digest,user,uid,groups,expires,comment\n", ""), columns),
    ] {
        let found = TokenFile::from_hashed(PATH, &text, REFUSE).unwrap_err().to_string();
        assert_eq!(found, error, "{text}");
        assert!(!found.contains("jane"));
    }
    // Read as the other form it is no token file either: each form is named by the configuration.
    assert!(csv(&good).is_err());
}

#[test]
fn windows_line_ends_are_read() {
    let text = row("a,DIGEST,jane,,,never,").replace('\n', "\r\n");
    assert!(user(&TokenFile::from_hashed(PATH, &text, REFUSE).unwrap(), "t0k3n").is_some());
}

#[test]
fn reserved_names_are_read_from_a_file_that_may_hold_them() {
    let text = row("a,DIGEST,system:admin,,system:masters,never,");
    let file = TokenFile::from_hashed(PATH, &text, ALLOW).unwrap();
    assert_eq!(user(&file, "t0k3n").unwrap().name, "system:admin");
}

#[test]
fn what_is_written_is_read_back_and_rows_can_be_taken_out() {
    let mut tokens = HashedTokens::default();
    for (id, name, group, expires, comment) in [
        ("a", "jane, of \"ops\"", "dev", Some(1_800_000_000), ""),
        ("b-1.x", "größe", "a b", None, "with, comma"),
        ("c", "joe", "x", Some(-5), " "),
    ] {
        let user = User::new(name).with_groups([group]);
        let row = HashedToken::new(id, TokenDigest::of(id), user, expires, comment).unwrap();
        tokens.insert(row).unwrap();
    }
    let read = HashedTokens::parse(PATH, &tokens.to_string(), REFUSE).unwrap();
    assert_eq!(read, tokens);
    assert_eq!(read.to_string(), tokens.to_string());
    assert_eq!(tokens.remove("zz"), None);
    assert_eq!(tokens.remove("b-1.x").unwrap().user().name, "größe");
    let ids: Vec<&str> = tokens.rows().iter().map(HashedToken::id).collect();
    assert_eq!(ids, ["a", "c"]);
    // The places of the others moved; they are still found.
    assert!(tokens.remove("c").is_some());
    assert!(tokens.remove("b-1.x").is_none());
}

#[test]
fn a_row_holds_no_comma_in_a_group_and_no_token_for_an_id() {
    let new = |id: &str, group: &str| {
        let user = User::new("jane").with_groups([group]);
        HashedToken::new(id, TokenDigest::of("x"), user, None, "")
    };
    assert_eq!(new("a", "cn=dev,ou=x").unwrap_err(), RowProblem::Comma("cn=dev,ou=x".to_owned()));
    let token = NewToken::generate().unwrap();
    assert_eq!(new(token.token.expose_secret(), "dev").unwrap_err(), RowProblem::Id);
    assert!(new(&token.id, "dev").is_ok());
    let user = User::new("jane");
    let far = HashedToken::new("a", TokenDigest::of("x"), user, Some(i64::MAX), "");
    assert_eq!(far.unwrap_err(), RowProblem::Expires);
}

#[test]
fn the_strength_of_a_token_is_at_most_what_its_characters_allow() {
    for (token, bits) in [
        ("", 0),
        ("0000", 13),
        ("deadbeef", 32),
        ("DEADBEEF", 32),
        ("password", 37),
        ("Password1", 53),
        ("0123456789abcdef0123456789abcdef", 128),
        ("0123456789abcdef0123456789abcde", 124),
        ("abcdefghijklmnopqrstuv", 103),
    ] {
        assert_eq!(strength(token), bits, "{token}");
    }
    assert!(strength(NewToken::generate().unwrap().token.expose_secret()) >= 256);
}
