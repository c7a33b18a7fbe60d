//! The listener's certificate and the clients' authority, replaced while it serves.

use super::kit::*;

/// The certificate that a new connection is shown.
async fn shown(server: &Running) -> Vec<u8> {
    let stream = connect(server.reviews, &server.tls, "h2").await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

const RETRY: &str = "reload: {interval: 1s}\n";

#[tokio::test]
async fn new_connections_are_shown_the_new_certificate_and_open_ones_go_on() {
    let home = Home::new(RETRY);
    let server = home.start();
    let mut open = [server.client(Protocol::Http1).await, server.client(Protocol::Http2).await];
    let old = shown(&server).await;
    assert_eq!(shown(&server).await, old);
    let next = home.ca.issue("portcullis");

    // A certificate without its key is told, and not shown.
    home.write("tls.crt", &next.certificate);
    server.until("the failure", "/readyz", |text| text.contains("tls: new files are not")).await;
    assert_eq!(shown(&server).await, old);
    assert!(!server.look("/readyz").await.1.contains("PRIVATE KEY"));
    home.write("tls.key", &next.key);
    server.until("the new one", "/readyz", |text| !text.contains("tls:")).await;
    assert_ne!(shown(&server).await, old);
    for client in &mut open {
        assert!(client.is_allowed("jane", "get").await);
    }
    assert!(server.metric("portcullis_reloads_total{what=\"tls\",result=\"success\"}").await >= 1);
    assert!(server.metric("portcullis_reloads_total{what=\"tls\",result=\"failure\"}").await >= 1);
}

#[tokio::test]
async fn a_client_of_the_old_authority_is_out_after_the_swap_and_one_of_the_new_is_in() {
    let home = Home::new(RETRY);
    let server = home.start();
    let next = Authority::new("next CA");
    let newcomer = client(&home.ca, Some(&next.issue("kube-apiserver")));
    let gets_in = async |tls: &rustls::ClientConfig| {
        let Ok(mut client) = Client::connect(server.reviews, tls, Protocol::Http2).await else {
            return false;
        };
        client.send("POST", "/authorize", pods("jane", "get").to_string()).await.is_ok()
    };
    assert!(gets_in(&server.tls).await && !gets_in(&newcomer).await);
    // First both, as a rotation goes; then only the new one.
    for (authorities, old_is_in) in
        [(format!("{}{}", home.ca.pem, next.pem), true), (next.pem, false)]
    {
        let metric = "portcullis_reloads_total{what=\"tls\",result=\"success\"}";
        let before = server.metric(metric).await;
        home.write("ca.crt", &authorities);
        server
            .until("a reload", "/metrics", |text| !text.contains(&format!("{metric} {before}\n")))
            .await;
        assert_eq!(gets_in(&server.tls).await, old_is_in);
        assert!(gets_in(&newcomer).await);
    }
}
