//! An MIT Kerberos KDC of two realms, on a port of loopback, in a folder of its own.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The realm of most tests, whose services are those of hosts below `ex.org`.
pub(crate) const REALM: &str = "EX.ORG";
/// A realm whose users get tickets for services of the first.
pub(crate) const OTHER_REALM: &str = "OTHER.ORG";
/// Everybody's password.
const PASSWORD: &str = "correct-horse";

/// Debian keeps the servers out of the path of users.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin:/usr/local/sbin";

/// A running KDC. It ends with the process: a shell waits for that, since statics are not dropped.
pub(crate) struct Kdc {
    folder: PathBuf,
    port: u16,
    /// The shell that ends it; `None` before it is started.
    watcher: Option<Child>,
}

impl Kdc {
    /// The KDC of this test binary; `None`, with a printed line, where Kerberos is not installed.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Kdc>> = OnceLock::new();
        let shared = SHARED.get_or_init(Self::start).as_ref();
        if shared.is_none() {
            eprintln!("skipped: krb5kdc, kdb5_util, kadmin.local or kinit is not there");
        }
        shared
    }

    fn start() -> Option<Self> {
        let is_there =
            |program: &&str| PATH.split(':').any(|folder| Path::new(folder).join(program).exists());
        if !["krb5kdc", "kdb5_util", "kadmin.local", "kinit"].iter().into_iter().all(is_there) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap().keep();
        // The same number for TCP and UDP, which is free for both as good as always.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::write(folder.join("kdc.conf"), kdc_conf(&folder, port)).unwrap();
        fs::write(folder.join("kadm5.acl"), "").unwrap();
        let mut kdc = Self { folder, port, watcher: None };
        kdc.config("krb5.conf", "");
        for realm in [REALM, OTHER_REALM] {
            let created = kdc.run("kdb5_util", &["-r", realm, "create", "-s", "-P", "m4st3r"], "");
            assert!(created.status.success(), "{created:?}");
        }
        kdc.watcher = Some(kdc.serve());
        kdc.admin(
            REALM,
            &[
                "addprinc -pw correct-horse jane",
                "addprinc -pw correct-horse jane/admin",
                "addprinc -pw correct-horse system:admin",
                "addprinc -randkey HTTP/login.ex.org",
                "addprinc -randkey host/login.ex.org",
                "addprinc -pw between -e aes256-cts:normal krbtgt/EX.ORG@OTHER.ORG",
            ],
        );
        kdc.admin(
            OTHER_REALM,
            &[
                "addprinc -pw correct-horse jane",
                "addprinc -pw between -e aes256-cts:normal krbtgt/EX.ORG@OTHER.ORG",
            ],
        );
        Some(kdc)
    }

    /// Starts the server beneath a shell that ends it, and removes the folder, when this process
    /// is gone and with it the other end of the shell's standard input.
    fn serve(&self) -> Child {
        let script = r#"krb5kdc -n -r EX.ORG -r OTHER.ORG & server=$!
            cat >/dev/null; kill $server; wait; rm -rf "$0""#;
        let log = fs::File::create(self.folder.join("stderr.log")).unwrap();
        let watcher = self
            .command("sh")
            .arg("-c")
            .arg(script)
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let said = fs::read_to_string(self.folder.join("stderr.log")).unwrap();
            assert!(begun.elapsed() < Duration::from_secs(20), "krb5kdc does not start: {said}");
            std::thread::sleep(Duration::from_millis(10));
        }
        watcher
    }

    /// A path in the KDC's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A program with the environment of this KDC, and nothing else of Kerberos.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for variable in ["KRB5CCNAME", "KRB5_KTNAME", "KRB5RCACHENAME", "KRB5RCACHETYPE"] {
            command.env_remove(variable);
        }
        command
            .env("PATH", PATH)
            .env("KRB5_CONFIG", self.path("krb5.conf"))
            .env("KRB5_KDC_PROFILE", self.path("kdc.conf"))
            .env("KRB5RCACHEDIR", &self.folder);
        command
    }

    /// Writes another `krb5.conf`, with these lines more in its `[libdefaults]`.
    pub(crate) fn config(&self, name: &str, more: &str) -> PathBuf {
        let path = self.path(name);
        let port = self.port;
        let text = format!(
            "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n \
             dns_lookup_realm = false\n dns_canonicalize_hostname = false\n rdns = false\n \
             udp_preference_limit = 1\n {more}\n\
             [realms]\n {REALM} = {{\n kdc = 127.0.0.1:{port}\n }}\n \
             {OTHER_REALM} = {{\n kdc = 127.0.0.1:{port}\n }}\n\
             [domain_realm]\n .ex.org = {REALM}\n"
        );
        fs::write(&path, text).unwrap();
        path
    }

    /// Runs commands of `kadmin.local` in a realm.
    pub(crate) fn admin(&self, realm: &str, commands: &[&str]) {
        let done = self.run("kadmin.local", &["-r", realm], &(commands.join("\n") + "\n"));
        let said = String::from_utf8_lossy(&done.stderr);
        // Its exit code is that of the last command alone.
        let failed = said.lines().find(|line| !line.starts_with("No policy specified"));
        assert!(done.status.success() && failed.is_none(), "{commands:?}: {done:?}");
    }

    /// Writes the keys of a service of [`REALM`] into a keytab, new ones each time.
    pub(crate) fn keytab(&self, name: &str, services: &[&str]) -> PathBuf {
        let path = self.path(name);
        for service in services {
            self.admin(REALM, &[&format!("ktadd -k {} {service}", path.display())]);
        }
        path
    }

    /// Logs somebody in; what comes back is the path of the credential cache.
    pub(crate) fn login(&self, name: &str, principal: &str, arguments: &[&str]) -> PathBuf {
        let cache = self.path(name);
        let told = [arguments, &["-c", cache.to_str().unwrap(), principal]].concat();
        let done = self.run("kinit", &told, &format!("{PASSWORD}\n"));
        assert!(done.status.success(), "{done:?}");
        cache
    }

    fn run(&self, program: &str, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .command(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
}

fn kdc_conf(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    let realm = |name: &str| {
        format!(
            " {name} = {{\n database_name = {folder}/{name}.db\n \
             key_stash_file = {folder}/{name}.stash\n acl_file = {folder}/kadm5.acl\n \
             max_life = 1h\n }}\n"
        )
    };
    format!(
        "[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n\
         [realms]\n{}{}[logging]\n kdc = FILE:{folder}/kdc.log\n",
        realm(REALM),
        realm(OTHER_REALM)
    )
}
