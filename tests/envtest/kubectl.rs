//! What kubectl says about a request.

use std::path::PathBuf;

use serde_json::Value;

/// How somebody shows who they are.
#[derive(Debug, Clone)]
pub(super) enum Credential {
    /// A client certificate and its key.
    Certificate { certificate: PathBuf, key: PathBuf },
    /// Not at all.
    Nobody,
    /// A bearer token.
    Token(String),
}

/// What came of it.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// It was done; the answer.
    Done(String),
    Forbidden,
    InternalError,
    NotFound,
    Unauthorized,
    /// Anything else, which no test expects.
    Other(String),
}

impl Outcome {
    /// Reads what kubectl left behind.
    pub(super) fn of(success: bool, stdout: String, stderr: &str) -> Self {
        if success {
            return Self::Done(stdout);
        }
        // `Error from server (Forbidden): …`; 401 has a sentence of its own.
        let reason = stderr
            .lines()
            .find_map(|line| line.strip_prefix("Error from server (")?.split_once(')'))
            .map(|(reason, _)| reason);
        match reason {
            Some("Forbidden") => Self::Forbidden,
            Some("InternalError") => Self::InternalError,
            Some("NotFound") => Self::NotFound,
            Some("Unauthorized") => Self::Unauthorized,
            None if stderr.contains("Internal Server Error") => Self::InternalError,
            None if stderr.contains("Unauthorized") => Self::Unauthorized,
            _ => Self::Other(stderr.to_owned()),
        }
    }

    /// The answer, as JSON.
    #[track_caller]
    pub(super) fn body(&self) -> Value {
        match self {
            Self::Done(text) => serde_json::from_str(text).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_kubectl_says_is_understood() {
    let of = |stderr: &str| Outcome::of(false, String::new(), stderr);
    let forbidden = "Error from server (Forbidden): secrets is forbidden: User \"jane\" cannot list \
                     resource \"secrets\" in API group \"\" in the namespace \"shop\"\n";
    assert_eq!(of(forbidden), Outcome::Forbidden);
    assert_eq!(of("Error from server (NotFound): nodes \"worker\" not found\n"), Outcome::NotFound);
    assert_eq!(
        of("Error from server (InternalError): Internal error occurred: x\n"),
        Outcome::InternalError
    );
    assert_eq!(
        of("error: You must be logged in to the server (Unauthorized)\n"),
        Outcome::Unauthorized
    );
    assert_eq!(of("Error from server (Unauthorized): Unauthorized\n"), Outcome::Unauthorized);
    assert!(matches!(of("The connection to the server was refused\n"), Outcome::Other(_)));
    assert_eq!(Outcome::of(true, "{}".to_owned(), ""), Outcome::Done("{}".to_owned()));
}
