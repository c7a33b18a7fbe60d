use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use prost::Message as _;
use tokio::net::TcpListener;

use super::message::*;
use super::span::Traces;
use crate::webhook::config::OpenTelemetryConfig;
use crate::webhook::metrics::Metrics;
use crate::webhook::request_id::RequestId;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const NOT_SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// What the crate `opentelemetry-proto` 0.33.1 writes for the same values.
const OFFICIAL: &str = "0ac5010a150a130a0c736572766963652e6e616d6512030a017012ab010a130a0a706f727463756c6c69731205302e312e301293010a10abababababababababababababababab1208cdcdcdcdcdcdcdcd2208efefefefefefefef2a0f504f5354202f617574686f72697a6530023901002a36fe9c97174103012a36fe9c97174a1a0a0a687474702e726f757465120c0a0a2f617574686f72697a654a200a19687474702e726573706f6e73652e7374617475735f636f6465120318f4037a021802850101030000";
const OFFICIAL_ANSWER: &[u8] = b"\x0a\x0c\x08\x07\x12\x08too late";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bytes_are_those_of_the_official_messages() {
    let span = Span {
        trace_id: vec![0xab; 16],
        span_id: vec![0xcd; 8],
        parent_span_id: vec![0xef; 8],
        name: "POST /authorize".to_owned(),
        kind: 2,
        start_time_unix_nano: 1_700_000_000_000_000_001,
        end_time_unix_nano: 1_700_000_000_000_000_259,
        attributes: vec![
            KeyValue::text("http.route", "/authorize"),
            KeyValue::number("http.response.status_code", 500),
        ],
        status: Some(Status { code: 2 }),
        flags: 0x301,
    };
    let scope = Scope { name: "portcullis".to_owned(), version: "0.1.0".to_owned() };
    let request = ExportRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes: vec![KeyValue::text("service.name", "p")] }),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans: vec![span] }],
        }],
    };
    assert_eq!(hex(&request.encode_to_vec()), OFFICIAL);
    // With a text that is not read.
    let answer = ExportResponse::decode(OFFICIAL_ANSWER).unwrap();
    assert_eq!(answer.partial_success.unwrap().rejected_spans, 7);
}

type Received = Arc<Mutex<Vec<ExportRequest>>>;

/// A collector on loopback, which answers so.
async fn collector(
    answer: impl Fn() -> (u16, Vec<u8>) + Clone + Send + 'static,
) -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let received = Received::default();
    let into = Arc::clone(&received);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (into, answer) = (Arc::clone(&into), answer.clone());
            let service = service_fn(move |request: http::Request<Incoming>| {
                let (into, answer) = (Arc::clone(&into), answer.clone());
                async move {
                    assert_eq!(
                        (request.method().as_str(), request.uri().path()),
                        ("POST", "/v1/traces")
                    );
                    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    into.lock().unwrap().push(ExportRequest::decode(body).unwrap());
                    let (status, body) = answer();
                    let response = Response::builder().status(status);
                    Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).unwrap())
                }
            });
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(async move {
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (endpoint, received)
}

fn start(endpoint: &str, sample: f64) -> (Arc<Traces>, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::new());
    let config = OpenTelemetryConfig {
        endpoint: endpoint.to_owned(),
        sample,
        ca_file: None,
        service_name: "portcullis-1".to_owned(),
    };
    (Traces::start(Some(&config), &metrics).unwrap().unwrap(), metrics)
}

fn lost(metrics: &Metrics) -> usize {
    let text = metrics.render().unwrap();
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix("portcullis_spans_lost_total "));
    value.unwrap().parse().unwrap()
}

fn spans(received: &Received) -> Vec<Span> {
    let received = received.lock().unwrap();
    let all = received.iter().flat_map(|request| &request.resource_spans);
    all.flat_map(|spans| &spans.scope_spans).flat_map(|spans| spans.spans.clone()).collect()
}

/// A request with this parent is answered; whether it is traced.
fn ask(traces: &Traces, parent: Option<&str>, status: u16) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert("baggage", "user=jane".parse().unwrap());
    headers.insert("tracestate", "vendor=jane".parse().unwrap());
    if let Some(parent) = parent {
        headers.insert("traceparent", parent.parse().unwrap());
    }
    let Some(trace) = traces.begin("/authorize", &headers) else { return false };
    let id = RequestId::parse(b"r-1").unwrap();
    trace.end(&id, "allow", StatusCode::from_u16(status).unwrap());
    true
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_span_says_route_decision_status_and_id_and_nothing_else() {
    let (endpoint, received) = collector(|| (200, Vec::new())).await;
    let (traces, metrics) = start(&endpoint, 1.0);
    assert!(ask(&traces, None, 200) && ask(&traces, Some(SAMPLED), 500));
    assert!(traces.close(LONG).await);
    let sent = spans(&received);
    let [first, second] = &*sent else { panic!("{sent:?}") };
    assert_eq!((first.name.as_str(), first.kind, &first.status), ("POST /authorize", 2, &None));
    assert_eq!(
        first.attributes,
        [
            KeyValue::text("http.route", "/authorize"),
            KeyValue::number("http.response.status_code", 200),
            KeyValue::text("portcullis.request_id", "r-1"),
            KeyValue::text("portcullis.decision", "allow"),
        ]
    );
    assert_eq!((first.trace_id.len(), first.span_id.len()), (16, 8));
    assert_eq!((first.parent_span_id.len(), first.flags), (0, 0x101));
    assert!(first.end_time_unix_nano >= first.start_time_unix_nano);
    assert!(first.start_time_unix_nano > 1_700_000_000_000_000_000);
    assert_eq!(second.status, Some(Status { code: 2 }));
    assert_eq!((hex(&second.trace_id).as_str(), second.flags), (TRACE, 0x301));
    assert_eq!(hex(&second.parent_span_id), "00f067aa0ba902b7");
    assert_ne!(first.span_id, second.span_id);
    let resource = received.lock().unwrap()[0].resource_spans[0].resource.clone().unwrap();
    assert_eq!(resource.attributes[0], KeyValue::text("service.name", "portcullis-1"));
    assert_eq!(lost(&metrics), 0);
    // After the end there is nobody to send.
    ask(&traces, None, 200);
    assert_eq!(lost(&metrics), 1);
}

#[tokio::test]
async fn the_share_decides_only_where_the_sender_did_not() {
    let (all, _) = start("http://127.0.0.1:1/", 1.0);
    let (none, _) = start("http://127.0.0.1:1/", 0.0);
    let (some, _) = start("http://127.0.0.1:1/", 0.1);
    for (traces, parent, is_traced) in [
        (&all, None, true),
        (&all, Some(NOT_SAMPLED), false),
        (&none, None, false),
        (&none, Some(SAMPLED), true),
        // What makes no sense decides nothing.
        (&none, Some("01"), false),
        (&all, Some("01"), true),
    ] {
        assert_eq!(ask(traces, parent, 200), is_traced, "{parent:?}");
    }
    let traced = (0..1_000).filter(|_| ask(&some, None, 200)).count();
    assert!((50..150).contains(&traced), "{traced}");
}

#[tokio::test]
async fn a_collector_that_never_answers_costs_spans_and_no_time() {
    // Connections are taken by the system and never answered.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap());
    let (traces, metrics) = start(&endpoint, 1.0);
    let started = Instant::now();
    for _ in 0..5_000 {
        assert!(ask(&traces, None, 200));
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    // The queue holds 2048; the task had no turn.
    assert_eq!(lost(&metrics), 5_000 - 2048);
    let started = Instant::now();
    assert!(!traces.close(Duration::from_millis(200)).await);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn failures_and_rejections_are_counted() {
    let rejected = ExportResponse { partial_success: Some(PartialSuccess { rejected_spans: 2 }) };
    let rejected = rejected.encode_to_vec();
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let (refusing, _) = collector(|| (503, Vec::new())).await;
    let (rejecting, _) = collector(move || (200, rejected.clone())).await;
    let (taking, _) = collector(|| (200, b"no message".to_vec())).await;
    for (endpoint, expected) in [(nobody, 3), (refusing, 3), (rejecting, 2), (taking, 0)] {
        let (traces, metrics) = start(&endpoint, 1.0);
        for _ in 0..3 {
            ask(&traces, None, 200);
        }
        assert!(traces.close(LONG).await, "{endpoint}");
        assert_eq!(lost(&metrics), expected, "{endpoint}");
    }
}

/// Prints what a request pays; for `--nocapture`.
#[tokio::test]
async fn a_request_that_is_not_sampled_makes_no_span() {
    let (traces, metrics) = start("http://127.0.0.1:1/", 0.0);
    let headers = HeaderMap::new();
    let started = Instant::now();
    for _ in 0..100_000 {
        assert!(traces.begin("/authorize", &headers).is_none());
    }
    println!("{:?} a request, unoptimised", started.elapsed() / 100_000);
    assert!(traces.close(LONG).await);
    assert_eq!(lost(&metrics), 0);
}
