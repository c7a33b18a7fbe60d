//! The two sides of a login as processes of their own, since the library finds keytab and tickets
//! by the environment of the process: the test binary again, with one of the two "tests" below.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis::authn::kerberos::{
    ChannelBinding, Instances, KerberosAuthenticator, KerberosOptions, PrincipalConfig,
    PrincipalRules, UnwrappedTokens, UserNameForm,
};
use portcullis::authn::{NegotiateAuthenticator, Negotiated};
use portcullis::source::kerberos::{GssAcceptor, GssAcceptorOptions, Initiator};
use serde_json::{Value, json};

use crate::support::kdc::Kdc;

/// What begins a line that is an answer, among those of the test harness.
const MARK: &str = "answer: ";
/// The settings of a child, as JSON.
const SETTINGS: &str = "PORTCULLIS_TEST_KERBEROS";

/// A child that answers each line with a line.
pub(super) struct Dialogue {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Dialogue {
    fn start(mut command: Command, test: &str, settings: &Value) -> Self {
        let mut child = command
            .args(["--exact", &format!("kerberos::child::{test}"), "--ignored", "--nocapture"])
            .env(SETTINGS, settings.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        Self { child, to, from }
    }

    pub(super) fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.to, "{question}").unwrap();
        self.answer()
    }

    fn answer(&mut self) -> Value {
        loop {
            let mut line = String::new();
            let read = self.from.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "the child ended without an answer");
            if let Some((_, answer)) = line.split_once(MARK) {
                return serde_json::from_str(answer).unwrap();
            }
        }
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's side.
pub(super) struct Acceptor {
    dialogue: Dialogue,
    /// What it says of its keytab.
    pub(super) notices: Vec<String>,
}

/// How a server is set up; `keytab` and `KRB5_KTNAME` are one unless told otherwise.
pub(super) struct Setup<'a> {
    pub(super) keytab: &'a Path,
    pub(super) service: &'a str,
    pub(super) rules: Value,
    pub(super) environment: Vec<(&'a str, Option<String>)>,
    /// A program that starts it, with arguments.
    pub(super) starter: Vec<&'a str>,
}

impl<'a> Setup<'a> {
    pub(super) fn new(keytab: &'a Path) -> Self {
        Self {
            keytab,
            service: "HTTP/login.ex.org",
            rules: json!({ "realms": ["EX.ORG"] }),
            environment: Vec::new(),
            starter: Vec::new(),
        }
    }

    /// Starts it, or says why it does not start.
    pub(super) fn start(&self, kdc: &Kdc) -> Result<Acceptor, String> {
        let this = std::env::current_exe().unwrap();
        let mut words = self.starter.clone();
        words.push(this.to_str().unwrap());
        let mut command = kdc.command(words[0]);
        command.args(&words[1..]);
        command.env("KRB5_KTNAME", format!("FILE:{}", self.keytab.display()));
        for (variable, value) in &self.environment {
            match value {
                Some(value) => command.env(variable, value),
                None => command.env_remove(variable),
            };
        }
        let settings =
            json!({ "keytab": self.keytab, "service": self.service, "rules": self.rules });
        let mut dialogue = Dialogue::start(command, "accepting", &settings);
        match dialogue.answer() {
            Value::String(error) => Err(error),
            notices => Ok(Acceptor { dialogue, notices: strings(&notices) }),
        }
    }
}

/// Who a server took somebody for.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) user: String,
    /// In seconds from now.
    pub(super) lifetime: i64,
    pub(super) reply: Vec<u8>,
}

impl Acceptor {
    pub(super) fn accept(&mut self, token: &[u8]) -> Result<Accepted, String> {
        self.accept_bound(token, None)
    }

    pub(super) fn accept_bound(
        &mut self,
        token: &[u8],
        binding: Option<&str>,
    ) -> Result<Accepted, String> {
        let token = STANDARD.encode(token);
        let answer = self.dialogue.ask(&json!({ "token": token, "binding": binding }));
        if let Some(refused) = answer["refused"].as_str() {
            // No ticket, nor the beginning of one, in what is logged.
            let beginning = token.get(..24).unwrap_or("no token");
            assert!(!refused.contains(beginning), "{refused}");
            return Err(refused.to_owned());
        }
        Ok(Accepted {
            user: answer["user"].as_str().unwrap().to_owned(),
            lifetime: answer["lifetime"].as_i64().unwrap(),
            reply: STANDARD.decode(answer["reply"].as_str().unwrap()).unwrap(),
        })
    }
}

impl Acceptor {
    /// Presents all at once; for each whether it was accepted.
    pub(super) fn accept_all(&mut self, tokens: &[Vec<u8>]) -> Vec<bool> {
        let tokens: Vec<String> = tokens.iter().map(|token| STANDARD.encode(token)).collect();
        let answer = self.dialogue.ask(&json!({ "tokens": tokens }));
        answer.as_array().unwrap().iter().map(|one| one["user"] == "jane@EX.ORG").collect()
    }
}

/// The client's side.
pub(super) struct Client(Dialogue);

impl Client {
    /// Somebody with these tickets.
    pub(super) fn new(kdc: &Kdc, cache: &Path) -> Self {
        let mut command = kdc.command(std::env::current_exe().unwrap().to_str().unwrap());
        command.env("KRB5CCNAME", format!("FILE:{}", cache.display()));
        Self(Dialogue::start(command, "initiating", &json!({})))
    }

    /// A fresh token for the service of most tests.
    pub(super) fn token(&mut self) -> Vec<u8> {
        self.token_for("HTTP@login.ex.org", None).unwrap()
    }

    /// A token with one's own tickets in it, for the server to use.
    pub(super) fn delegating_token(&mut self) -> Vec<u8> {
        let answer = self.0.ask(&json!({ "delegate": true }));
        STANDARD.decode(answer["token"].as_str().unwrap()).unwrap()
    }

    pub(super) fn token_for(
        &mut self,
        service: &str,
        binding: Option<&str>,
    ) -> Result<Vec<u8>, String> {
        let answer = self.0.ask(&json!({ "service": service, "binding": binding }));
        match answer["refused"].as_str() {
            Some(refused) => Err(refused.to_owned()),
            None => Ok(STANDARD.decode(answer["token"].as_str().unwrap()).unwrap()),
        }
    }

    /// Whether the reply to the last token proves the server.
    pub(super) fn verify(&mut self, reply: &[u8]) -> Result<(), String> {
        let answer = self.0.ask(&json!({ "reply": STANDARD.encode(reply) }));
        answer["refused"].as_str().map_or(Ok(()), |refused| Err(refused.to_owned()))
    }
}

// ---- within the children -------------------------------------------------------------------------

fn questions() -> impl Iterator<Item = Value> {
    std::io::stdin().lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap())
}

fn answer(value: &Value) {
    // The harness leaves its own line open.
    println!("\n{MARK}{value}");
}

fn settings() -> Value {
    let settings = std::env::var(SETTINGS).expect("run by the tests, not by hand");
    serde_json::from_str(&settings).unwrap()
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().into_iter().flatten();
    list.map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn authenticator(settings: &Value) -> Result<(KerberosAuthenticator, Vec<String>), String> {
    let acceptor = GssAcceptor::open(&GssAcceptorOptions {
        keytab: settings["keytab"].as_str().unwrap().into(),
        service: settings["service"].as_str().unwrap().to_owned(),
    });
    let acceptor = acceptor.map_err(|error| error.to_string())?;
    let notices = acceptor.notices().iter().map(ToString::to_string).collect();
    let rules = &settings["rules"];
    let is = |name: &str| rules[name].as_bool().unwrap_or(false);
    let config = PrincipalConfig {
        realms: strings(&rules["realms"]),
        user_name: if is("short") { UserNameForm::WithoutRealm } else { UserNameForm::Full },
        instances: match rules["instances"].is_null() {
            true => Instances::Refuse,
            false => Instances::Of(strings(&rules["instances"])),
        },
        ..PrincipalConfig::default()
    };
    let options = KerberosOptions {
        unwrapped: match is("unwrapped") {
            true => UnwrappedTokens::Accept,
            false => UnwrappedTokens::Refuse,
        },
        channel_binding: match is("bound") {
            true => ChannelBinding::Require,
            false => ChannelBinding::IfSent,
        },
        ..KerberosOptions::default()
    };
    let rules = PrincipalRules::compile(config).unwrap();
    Ok((KerberosAuthenticator::new(rules, Arc::new(acceptor), None, options).unwrap(), notices))
}

async fn accept(
    authenticator: &KerberosAuthenticator,
    token: &str,
    binding: Option<&str>,
) -> Value {
    let token = STANDARD.decode(token).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    let Negotiated { outcome, reply } =
        authenticator.negotiate(&token, binding.map(str::as_bytes), now).await;
    match outcome {
        Ok(found) => {
            let found = found.unwrap();
            assert!(found.user.groups.is_empty());
            json!({
                "user": found.user.name,
                "lifetime": found.expires.unwrap() - now,
                "reply": STANDARD.encode(reply.unwrap_or_default()),
            })
        }
        Err(error) => {
            assert_eq!(reply, None);
            json!({ "refused": error.to_string() })
        }
    }
}

#[test]
#[ignore = "the server's process of the other tests"]
fn accepting() {
    let authenticator = match authenticator(&settings()) {
        Ok((authenticator, notices)) => {
            answer(&json!(notices));
            Arc::new(authenticator)
        }
        Err(error) => return answer(&Value::String(error)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for question in questions() {
        if let Some(token) = question["token"].as_str() {
            let binding = question["binding"].as_str();
            answer(&runtime.block_on(accept(&authenticator, token, binding)));
            continue;
        }
        let asked: Vec<_> = strings(&question["tokens"])
            .into_iter()
            .map(|token| {
                let authenticator = Arc::clone(&authenticator);
                runtime.spawn(async move { accept(&authenticator, &token, None).await })
            })
            .collect();
        let answers = asked.into_iter().map(|one| runtime.block_on(one).unwrap());
        answer(&answers.collect());
    }
}

#[test]
#[ignore = "the client's process of the other tests"]
fn initiating() {
    settings();
    let mut begun = None;
    for question in questions() {
        if let Some(reply) = question["reply"].as_str() {
            let initiator: Initiator = begun.take().unwrap();
            let verified = initiator.finish(&STANDARD.decode(reply).unwrap());
            answer(&json!({ "refused": verified.err().map(|error| error.to_string()) }));
            continue;
        }
        if question["delegate"] == true {
            answer(&json!({ "token": STANDARD.encode(delegating()) }));
            continue;
        }
        let service = question["service"].as_str().unwrap();
        let binding = question["binding"].as_str().map(str::as_bytes);
        answer(&match Initiator::start(service, binding) {
            Ok((initiator, token)) => {
                begun = Some(initiator);
                json!({ "token": STANDARD.encode(token.expose_secret()) })
            }
            Err(error) => json!({ "refused": error.to_string() }),
        });
    }
}

/// Past our own side of clients, which never delegates.
fn delegating() -> Vec<u8> {
    use libgssapi::context::{ClientCtx, CtxFlags, SecurityContext};
    use libgssapi::name::Name;
    use libgssapi::oid::{GSS_MECH_SPNEGO, GSS_NT_HOSTBASED_SERVICE};
    let name = Name::new(b"HTTP@login.ex.org", Some(GSS_NT_HOSTBASED_SERVICE)).unwrap();
    let flags = CtxFlags::GSS_C_DELEG_FLAG | CtxFlags::GSS_C_MUTUAL_FLAG;
    let mut context = ClientCtx::new(None, name, flags, Some(GSS_MECH_SPNEGO));
    let token = context.step(None, None).unwrap().unwrap().to_vec();
    assert!(context.flags().unwrap().contains(CtxFlags::GSS_C_DELEG_FLAG));
    token
}
