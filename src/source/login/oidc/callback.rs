//! The socket that a browser comes back to.
//!
//! Anybody on this machine, and any web page, can send requests here. What does not carry the `state`
//! that was sent is answered with an error and changes nothing: the one who asked is waited for on.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue, REFERRER_POLICY,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::util::secret::Secret;

/// The path that the browser comes back to.
pub(super) const PATH: &str = "/callback";

/// How long somebody who connects may take to say what they want.
const HEAD: Duration = Duration::from_secs(10);
/// How long the page may take to reach the browser, which is on this machine.
const FAREWELL: Duration = Duration::from_millis(500);
/// How many connections are served at once; browsers open a few ahead of time.
const MOST_CONNECTIONS: usize = 32;

/// What counts as an answer.
pub(super) struct Expected<'a> {
    /// As the browser names us. Another name is another site's, which resolves to us.
    pub(super) host: String,
    pub(super) state: &'a Secret,
}

/// An answer to our question.
#[derive(Debug)]
pub(super) struct Arrived {
    /// Who says so, if they say it.
    pub(super) issuer: Option<String>,
    pub(super) outcome: Result<Secret, Refusal>,
}

/// A no (RFC 6749 §4.1.2.1).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) description: String,
}

/// Serves until the answer is there.
pub(super) async fn wait(listener: TcpListener, expected: &Expected<'_>) -> Arrived {
    let (sender, mut receiver) = mpsc::channel(1);
    let state = Secret::new(expected.state.expose_secret().to_owned());
    let desk = Arc::new(Desk { host: expected.host.clone(), state, sender });
    let mut connections = JoinSet::new();
    let arrived = loop {
        tokio::select! {
            arrived = receiver.recv() => match arrived {
                Some(arrived) => break arrived,
                // The desk here holds a sender.
                None => continue,
            },
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => {
                if let Ok((stream, _)) = accepted {
                    let desk = Arc::clone(&desk);
                    connections.spawn(serve(TokioIo::new(stream), desk));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    };
    // The page must arrive before the process ends; idle connections are not waited for longer.
    let _ =
        tokio::time::timeout(FAREWELL, async { while connections.join_next().await.is_some() {} })
            .await;
    arrived
}

async fn serve(stream: TokioIo<tokio::net::TcpStream>, desk: Arc<Desk>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(desk.answer(&request)) }
    });
    // One request a connection: the process is about to end.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .keep_alive(false)
        .max_buf_size(16 * 1024)
        .serve_connection(stream, service);
    let _ = connection.await;
}

struct Desk {
    host: String,
    state: Secret,
    sender: mpsc::Sender<Arrived>,
}

impl Desk {
    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        if host != Some(&self.host) {
            return page(StatusCode::FORBIDDEN, "This address is for one login only.");
        }
        if request.uri().path() != PATH {
            return page(StatusCode::NOT_FOUND, "There is nothing here.");
        }
        if request.method() != Method::GET {
            return page(StatusCode::METHOD_NOT_ALLOWED, "There is nothing here.");
        }
        let query = request.uri().query().unwrap_or_default();
        match read(query, &self.state) {
            Ok(arrived) => {
                let (status, text) = match arrived.outcome {
                    Ok(_) => (
                        StatusCode::OK,
                        "The answer is on its way to the program that asked. You can close this page.",
                    ),
                    Err(_) => {
                        (StatusCode::OK, "The issuer said no. The program that asked says more.")
                    }
                };
                // The second answer to one question is nobody's.
                match self.sender.try_send(arrived) {
                    Ok(()) => page(status, text),
                    Err(_) => page(StatusCode::BAD_REQUEST, "This login is over."),
                }
            }
            Err(problem) => page(StatusCode::BAD_REQUEST, problem),
        }
    }
}

/// The answer in a query. An error is what the browser is told.
fn read(query: &str, state: &Secret) -> Result<Arrived, &'static str> {
    let one = |name: &str| -> Result<Option<String>, &'static str> {
        let mut values = form_urlencoded::parse(query.as_bytes())
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned());
        match (values.next(), values.next()) {
            (first, None) => Ok(first),
            _ => Err("This is no answer of an issuer: it says something twice."),
        }
    };
    if !one("state")?.is_some_and(|it| state.is(&it)) {
        return Err("This is no answer to the question that was asked. Nothing has happened.");
    }
    let issuer = one("iss")?;
    let outcome = match (one("code")?, one("error")?) {
        (_, Some(code)) => {
            let description = one("error_description")?.unwrap_or_default();
            Err(Refusal { code, description })
        }
        (Some(code), None) if !code.is_empty() => Ok(Secret::new(code)),
        _ => return Err("This is no answer of an issuer: there is no code in it."),
    };
    Ok(Arrived { issuer, outcome })
}

/// A page of fixed text: nothing that somebody sent is shown.
fn page(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>portcullis login</title>\
         <p>{text}</p></html>\n"
    );
    let mut response = Response::new(Full::new(Bytes::from(html)));
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        // The code is in the address.
        (REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> Secret {
        Secret::new("s-1".to_owned())
    }

    fn code(query: &str) -> Result<String, &'static str> {
        let arrived = read(query, &state())?;
        Ok(arrived.outcome.map_or_else(|no| no.code, |code| code.expose_secret().to_owned()))
    }

    #[test]
    fn an_answer_with_our_state_is_taken() {
        assert_eq!(code("code=a%2Fb+c&state=s-1"), Ok("a/b c".to_owned()));
        let arrived = read("state=s-1&code=a&iss=https%3A%2F%2Fi", &state()).unwrap();
        assert_eq!(arrived.issuer.as_deref(), Some("https://i"));
        let refused = read("error=access_denied&error_description=no+%3C&state=s-1", &state());
        let refusal = refused.unwrap().outcome.unwrap_err();
        assert_eq!(
            (refusal.code.as_str(), refusal.description.as_str()),
            ("access_denied", "no <")
        );
    }

    #[test]
    fn an_answer_without_our_state_or_with_two_meanings_is_not() {
        for query in [
            "",
            "code=a",
            "code=a&state=s-2",
            "code=a&state=",
            "error=access_denied&state=s-2",
            "code=a&state=s-1&state=s-1",
            "code=a&code=b&state=s-1",
            "state=s-1",
            "code=&state=s-1",
        ] {
            assert!(code(query).is_err(), "{query}");
        }
    }

    fn desk() -> (Desk, mpsc::Receiver<Arrived>) {
        let (sender, receiver) = mpsc::channel(1);
        (Desk { host: "127.0.0.1:4711".to_owned(), state: state(), sender }, receiver)
    }

    fn asked(desk: &Desk, method: &str, host: &str, path: &str) -> u16 {
        let request = Request::builder().method(method).uri(path).header(HOST, host);
        desk.answer(&request.body(()).unwrap()).status().as_u16()
    }

    #[test]
    fn only_a_browser_that_was_sent_here_is_heard_and_only_once() {
        let (desk, mut receiver) = desk();
        let good = "/callback?code=a&state=s-1";
        for (method, host, path, status) in [
            ("GET", "evil.example:4711", good, 403),
            ("GET", "localhost:4711", good, 403),
            ("GET", "127.0.0.1:4711", "/?code=a&state=s-1", 404),
            ("POST", "127.0.0.1:4711", good, 405),
            ("GET", "127.0.0.1:4711", "/callback?code=a&state=s-2", 400),
            ("GET", "127.0.0.1:4711", "/callback", 400),
        ] {
            assert_eq!(asked(&desk, method, host, path), status, "{method} {host} {path}");
            assert!(receiver.try_recv().is_err());
        }
        assert_eq!(asked(&desk, "GET", "127.0.0.1:4711", good), 200);
        assert_eq!(asked(&desk, "GET", "127.0.0.1:4711", good), 400);
        assert!(receiver.try_recv().unwrap().outcome.is_ok());
    }
}
