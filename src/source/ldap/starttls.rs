//! May TLS begin here? The one exchange in plain text that there is before TLS (RFC 4511 section 4.14).
//!
//! By hand, since whoever is on the way can answer in the server's place: the parser of the client
//! library calls itself for each level of an answer, so that 60 KB from anybody would end the process.
//! Exactly one answer is read; what follows it is TLS, or the handshake fails.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::decode::message;

/// More than the longest answer: a result code, two texts, perhaps referrals.
const LONGEST: usize = 8_192;

/// Message 1: an extended request for 1.3.6.1.4.1.1466.20037.
const REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

const UNREADABLE: &str = "the answer to StartTLS cannot be read";

/// Asks for TLS, and reads that it may begin. The caller sets the time limit.
pub(super) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), String> {
    let failed = |error: std::io::Error| message(&error.to_string());
    stream.write_all(REQUEST).await.map_err(failed)?;
    let answer = read(stream).await.map_err(failed)?;
    match result_code(answer.as_deref().unwrap_or_default()) {
        Some(0) => Ok(()),
        Some(code) => Err(format!("the server does not begin TLS (result code {code})")),
        None => Err(UNREADABLE.to_owned()),
    }
}

/// The content of one message, and no byte more; `None` if it is none, or too long.
async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> std::io::Result<Option<Vec<u8>>> {
    let mut begin = [0; 2];
    stream.read_exact(&mut begin).await?;
    let [0x30, length] = begin else { return Ok(None) };
    let mut length = usize::from(length);
    // Active Directory writes every length with four bytes.
    if let Some(more) = length.checked_sub(0x80) {
        if !(1..=4).contains(&more) {
            return Ok(None);
        }
        length = 0;
        for _ in 0..more {
            length = length << 8 | usize::from(stream.read_u8().await?);
        }
    }
    if length > LONGEST {
        return Ok(None);
    }
    let mut content = vec![0; length];
    stream.read_exact(&mut content).await?;
    Ok(Some(content))
}

/// The result code of the answer to message 1.
fn result_code(content: &[u8]) -> Option<u8> {
    let (tag, id, rest) = element(content)?;
    if tag != 0x02 || id != [1] {
        return None;
    }
    let (tag, answer, _) = element(rest)?;
    if tag != 0x78 {
        return None;
    }
    match element(answer)? {
        (0x0a, [code], _) => Some(*code),
        _ => None,
    }
}

/// Tag, content and rest.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (length, mut rest) = rest.split_first()?;
    let mut length = usize::from(*length);
    if let Some(more) = length.checked_sub(0x80) {
        let (digits, after) = rest.split_at_checked(more).filter(|_| (1..=4).contains(&more))?;
        length = digits.iter().fold(0, |value, digit| value << 8 | usize::from(*digit));
        rest = after;
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `ask` makes of an answer, and what of the answer it left.
    async fn asked(answer: &[u8]) -> (Result<(), String>, Vec<u8>) {
        let (mut ours, mut theirs) = tokio::io::duplex(1 << 20);
        theirs.write_all(answer).await.unwrap();
        theirs.shutdown().await.unwrap();
        let result = ask(&mut ours).await;
        let mut request = vec![0; REQUEST.len()];
        theirs.read_exact(&mut request).await.unwrap();
        assert_eq!(request, REQUEST);
        let mut left = Vec::new();
        ours.read_to_end(&mut left).await.unwrap();
        (result, left)
    }

    #[tokio::test]
    async fn a_server_that_says_yes_is_heard_and_nothing_behind_its_answer_is_read() {
        let yes = [0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, 0, 4, 0, 4, 0];
        assert_eq!(asked(&yes).await, (Ok(()), Vec::new()));
        let injected = [&yes[..], b"more"].concat();
        assert_eq!(asked(&injected).await, (Ok(()), b"more".to_vec()));
        // As Active Directory writes it.
        let long = [
            &[0x30, 0x84, 0, 0, 0, 16, 2, 1, 1, 0x78, 0x84, 0, 0, 0, 7][..],
            &[10, 1, 0, 4, 0, 4, 0],
        ];
        assert_eq!(asked(&long.concat()).await.0, Ok(()));
    }

    #[tokio::test]
    async fn a_server_that_says_no_or_nonsense_gets_no_further() {
        let no = [0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, 2, 4, 0, 4, 0];
        let said = Err("the server does not begin TLS (result code 2)".to_owned());
        assert_eq!(asked(&no).await.0, said);
        for nonsense in [
            // Another message, another operation, a code of two bytes, nothing, no length at all.
            &[0x30, 12, 2, 1, 0, 0x78, 7, 10, 1, 0, 4, 0, 4, 0][..],
            &[0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 0, 4, 0, 4, 0],
            &[0x30, 9, 2, 1, 1, 0x78, 4, 10, 2, 0, 0],
            &[0x30, 0],
            &[0x30, 0x80],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            b"HTTP/1.1 200 OK",
        ] {
            let (result, _) = asked(nonsense).await;
            assert_eq!(result, Err(UNREADABLE.to_owned()), "{nonsense:?}");
        }
        assert!(asked(&[0x30, 12, 2]).await.0.is_err());
    }

    #[tokio::test]
    async fn an_answer_that_nests_without_end_is_refused_before_it_is_looked_into() {
        let mut answer = vec![4, 0];
        for _ in 0..20_000 {
            let length = u32::try_from(answer.len()).unwrap().to_be_bytes();
            answer = [&[0x30, 0x84][..], &length, &answer].concat();
        }
        assert_eq!(asked(&answer).await.0, Err(UNREADABLE.to_owned()));
    }
}
