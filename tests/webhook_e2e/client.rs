//! What an API server does: one connection, many reviews.

use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use serde_json::{Value, json};

use crate::support::tls::{connect, within};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

pub(super) const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// One open connection.
pub(super) enum Client {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// An answer, its body read as JSON; null when it is none.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Value,
}

impl Client {
    pub(super) async fn connect(
        address: SocketAddr,
        tls: &ClientConfig,
        protocol: Protocol,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(match protocol {
            Protocol::Http1 => {
                let stream = TokioIo::new(connect(address, tls, "http/1.1").await?);
                let (sender, connection) = http1::handshake(stream).await?;
                tokio::spawn(async { drop(connection.await) });
                Self::Http1(sender)
            }
            Protocol::Http2 => {
                let stream = TokioIo::new(connect(address, tls, "h2").await?);
                let executor = hyper_util::rt::TokioExecutor::new();
                let (sender, connection) = http2::handshake(executor, stream).await?;
                tokio::spawn(async { drop(connection.await) });
                Self::Http2(sender)
            }
        })
    }

    /// Whether another request may be sent: the server has not said that it goes.
    pub(super) async fn is_open(&mut self) -> bool {
        match self {
            Self::Http1(sender) => sender.ready().await.is_ok(),
            Self::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    pub(super) async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<Answered, hyper::Error> {
        let request = http::Request::builder().method(method);
        let request = request.header("content-type", "application/json");
        let body = Full::new(body.into());
        within("an answer", async {
            let response = match self {
                Self::Http1(sender) => {
                    sender.ready().await?;
                    let request = request.uri(path).header("host", "localhost").body(body);
                    sender.send_request(request.unwrap()).await?
                }
                Self::Http2(sender) => {
                    sender.ready().await?;
                    let uri = format!("https://localhost{path}");
                    sender.send_request(request.uri(uri).body(body).unwrap()).await?
                }
            };
            let (parts, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            let (status, headers) = (parts.status.as_u16(), parts.headers);
            Ok(Answered {
                status,
                headers,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            })
        })
        .await
    }

    pub(super) async fn post(&mut self, path: &str, body: &Value) -> Answered {
        self.send("POST", path, body.to_string()).await.unwrap()
    }

    /// The status of an access review: may this user do this to pods?
    pub(super) async fn may(&mut self, user: &str, verb: &str) -> Value {
        let answered = self.post("/authorize?timeout=3s", &pods(user, verb)).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        answered.body["status"].clone()
    }

    pub(super) async fn is_allowed(&mut self, user: &str, verb: &str) -> bool {
        self.may(user, verb).await["allowed"].as_bool().unwrap()
    }

    /// The status of a token review.
    pub(super) async fn whose(&mut self, token: &str, audiences: &[&str]) -> Value {
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
            "spec": {"token": token, "audiences": audiences},
        });
        let answered = self.post("/authenticate?timeout=30s", &review).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        assert!(!answered.body.to_string().contains(token) || token.is_empty());
        answered.body["status"].clone()
    }

    pub(super) async fn user(&mut self, token: &str) -> Option<String> {
        let status = self.whose(token, &[]).await;
        let user = status["user"]["username"].as_str().map(str::to_owned);
        assert_eq!(status["authenticated"].as_bool().unwrap_or(false), user.is_some(), "{status}");
        user
    }
}

/// May this user do this to the pods of a namespace?
pub(super) fn pods(user: &str, verb: &str) -> Value {
    json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {
            "user": user, "groups": ["system:authenticated"],
            "resourceAttributes":
                {"namespace": "shop", "verb": verb, "version": "v1", "resource": "pods"},
        },
    })
}
