use super::*;
use crate::api::inventory::Inventory;
use crate::authn::cache::{CacheConfig, TokenCache};
use crate::authn::chain::TokenChain;
use crate::model::{Request, User};
use crate::snapshot::{Config, Mode, compile};
use crate::webhook::config::ServerConfig;

/// What follows an API server that nobody needs, in a folder that may vanish then.
async fn followed() -> FollowedCluster {
    let folder = tempfile::tempdir().unwrap();
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
        clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n\
        contexts: [{name: c, context: {cluster: c, user: u}}]\n\
        users: [{name: u, user: {token: t}}]\n";
    std::fs::write(folder.path().join("kubeconfig.yaml"), text).unwrap();
    let text = "apiVersion: portcullis.dev/v1alpha1\nkind: ServerConfiguration\n\
        listen: {address: '127.0.0.1:0', tls: {certificateFile: tls.crt, keyFile: tls.key}}\n\
        authorizers: [{type: RBAC}]\ncluster: {kubeconfig: kubeconfig.yaml}\n\
        policy: {fromCluster: true}\n";
    let file = folder.path().join("server.yaml");
    let config = ServerConfig::parse(&file, text.as_bytes()).unwrap().cluster.unwrap();
    FollowedCluster::open(&config, Vec::new(), SystemTime::now()).await.unwrap()
}

fn app() -> Arc<App> {
    let snapshot = compile(&Inventory::default(), &Config::new([Mode::AlwaysDeny])).unwrap();
    let tokens = TokenCache::new(Arc::new(TokenChain::default()), CacheConfig::default()).unwrap();
    Arc::new(App::new(Arc::new(snapshot), tokens))
}

fn plan(mode: Mode) -> Arc<Plan> {
    let quiet = Arc::new(quiet_policy(None).unwrap());
    Arc::new(Plan { config: Config::new([mode]), quiet })
}

fn allows(app: &App) -> bool {
    let jane = User::new("jane");
    app.verdict(&Request::non_resource(&jane, "get", "/")).is_allowed()
}

#[tokio::test]
async fn a_policy_that_was_still_being_built_when_another_was_loaded_does_not_serve() {
    let (followed, app, generations) = (followed().await, app(), Generations::default());
    let (old, new) = (plan(Mode::AlwaysAllow), plan(Mode::AlwaysDeny));
    followed.serve(&old, &app, &generations);
    assert!(allows(&app) && followed.is_serving());

    // A policy of files, or another one of the cluster, while the old plan is at work.
    for is_of_files in [true, false] {
        match is_of_files {
            true => followed.stop(),
            false => followed.0.desk().plan = Some(Arc::clone(&new)),
        }
        let files = compile(&Inventory::default(), &Config::new([Mode::AlwaysDeny])).unwrap();
        app.publish(Arc::new(files), 100);
        Inner::build(&followed.0, &old, Loaded::default()).map(drop).unwrap();
        assert!(!allows(&app) && app.generation() == 100);
        assert!(!followed.is_serving());
    }
    // The twin: the plan that is wanted.
    Inner::build(&followed.0, &new, Loaded::default()).map(drop).unwrap();
    assert!(followed.is_serving() && !allows(&app) && app.generation() != 100);
    followed.serve(&old, &app, &generations);
    assert!(allows(&app));
}

#[test]
fn a_policy_counts_as_not_built_from_the_first_failure_on() {
    let mut desk = Desk::default();
    desk.fail("one".to_owned());
    let (since, _) = desk.problem.clone().unwrap();
    desk.fail("two".to_owned());
    assert_eq!(desk.problem, Some((since, "two".to_owned())));
    let later = since + Duration::from_secs(7);
    assert_eq!(desk.unbuilt_for(later), Some(Duration::from_secs(7)));
    desk.problem = None;
    assert_eq!(desk.unbuilt_for(later), None);
}
