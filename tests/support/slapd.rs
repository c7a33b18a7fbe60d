//! A real slapd in a temporary directory, on loopback, killed when dropped: plain and StartTLS on one
//! port, LDAPS on another, `memberOf` and password policies on.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use tempfile::TempDir;

pub(crate) const BASE: &str = "dc=example,dc=org";
pub(crate) const SERVICE_DN: &str = "cn=service,dc=example,dc=org";
pub(crate) const SERVICE_PASSWORD: &str = "service-secret";
pub(crate) const ADMIN_DN: &str = "cn=admin,dc=example,dc=org";
pub(crate) const ADMIN_PASSWORD: &str = "admin-secret";

/// What every directory of the tests begins with. Passwords are those of the names, with `pw-` before.
const COMMON: &str = "\
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: ou=policies,dc=example,dc=org
objectClass: organizationalUnit
ou: policies

dn: cn=default,ou=policies,dc=example,dc=org
objectClass: pwdPolicy
objectClass: device
cn: default
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 3
pwdLockoutDuration: 3600
pwdMustChange: TRUE

dn: cn=service,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: service
userPassword: service-secret
";

/// Certificates for one run: an authority, a server and a client.
pub(crate) struct Pki {
    folder: TempDir,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let (ca, pem) = authority("test directory authority");
        write("ca.pem", &pem);
        let (_, other) = authority("another authority");
        write("other-ca.pem", &other);
        let names = vec![
            SanType::DnsName("localhost".try_into().unwrap()),
            SanType::IpAddress([127, 0, 0, 1].into()),
            SanType::IpAddress(std::net::Ipv6Addr::LOCALHOST.into()),
        ];
        write("service-password", SERVICE_PASSWORD);
        for (name, names) in [("server", names), ("client", Vec::new())] {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::default();
            params.subject_alt_names = names;
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            let certificate = params.signed_by(&key, &ca).unwrap();
            write(&format!("{name}.pem"), &certificate.pem());
            write(&format!("{name}.key"), &key.serialize_pem());
        }
        Self { folder }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

/// What a slapd is started with.
#[derive(Default)]
pub(crate) struct Setup<'a> {
    /// Entries beside the common ones.
    pub(crate) ldif: String,
    /// Lines of `slapd.conf` before the database.
    pub(crate) global: &'a str,
    /// Lines of `slapd.conf` of the database.
    pub(crate) database: &'a str,
}

pub(crate) struct Slapd {
    child: Child,
    id: String,
    folder: TempDir,
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
}

impl Slapd {
    /// `None`, with a line that says so, where there is no slapd.
    pub(crate) fn start(pki: &Pki, setup: &Setup<'_>) -> Option<Self> {
        if !Path::new("/usr/sbin/slapd").exists() {
            eprintln!("skipped: /usr/sbin/slapd is not there");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("db");
        fs::create_dir(&database).unwrap();
        let conf = folder.path().join("slapd.conf");
        fs::write(&conf, configuration(pki, setup, folder.path())).unwrap();
        add(&conf, &format!("{COMMON}\n{}", setup.ldif));
        let (port, tls_port) = (free_port(), free_port());
        let (child, id) = spawn(&conf, &folder.path().join("log"), port, tls_port);
        let mut slapd = Self { child, id, folder, port, tls_port };
        slapd.wait();
        Some(slapd)
    }

    /// Ends it, without a word to anybody.
    pub(crate) fn kill(&mut self) {
        // The shell reads the end of its input, and ends the server.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }

    /// Starts it again on the same ports.
    pub(crate) fn restart(&mut self) {
        let conf = self.folder.path().join("slapd.conf");
        (self.child, self.id) =
            spawn(&conf, &self.folder.path().join("log"), self.port, self.tls_port);
        self.wait();
    }

    /// Stops it so that connections stay open and nothing answers, or lets it go on.
    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.id]).status().unwrap().success());
    }

    pub(crate) fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    pub(crate) fn tls_url(&self) -> String {
        format!("ldaps://localhost:{}", self.tls_port)
    }

    /// Changes entries as the administrator.
    pub(crate) fn modify(&self, ldif: &str) {
        let mut child = Command::new("ldapmodify")
            .args(["-x", "-H", &self.url(), "-D", ADMIN_DN, "-w", ADMIN_PASSWORD])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{ldif}");
    }

    /// What it has logged, at the level `stats`.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// How many searches it has logged.
    pub(crate) fn searches(&self) -> usize {
        self.log().matches(" SRCH base=").count()
    }

    fn wait(&mut self) {
        let began = Instant::now();
        for port in [self.port, self.tls_port] {
            while TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_err() {
                assert!(began.elapsed() < Duration::from_secs(20), "slapd: {}", self.log());
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A person with the password `pw-<uid>`, and more lines.
pub(crate) fn person(uid: &str, more: &str) -> String {
    format!(
        "dn: uid={uid},ou=people,{BASE}\nobjectClass: inetOrgPerson\nobjectClass: shadowAccount\n\
         {more}uid: {uid}\ncn: {uid}\nsn: {uid}\nuserPassword: pw-{uid}\n\n"
    )
}

pub(crate) fn person_dn(uid: &str) -> String {
    format!("uid={uid},ou=people,{BASE}")
}

pub(crate) fn group_dn(name: &str) -> String {
    format!("cn={name},ou=groups,{BASE}")
}

/// A group of members by DN.
pub(crate) fn group(name: &str, members: &[String]) -> String {
    let mut text = format!("dn: {}\nobjectClass: groupOfNames\ncn: {name}\n", group_dn(name));
    for member in members {
        writeln!(text, "member: {member}").unwrap();
    }
    text.push('\n');
    text
}

fn configuration(pki: &Pki, setup: &Setup<'_>, folder: &Path) -> String {
    let at = |name: &str| pki.file(name).display().to_string();
    let schema = ["core", "cosine", "inetorgperson", "nis"]
        .map(|name| format!("include /etc/ldap/schema/{name}.schema\n"))
        .concat();
    format!(
        "{schema}modulepath /usr/lib/ldap\nmoduleload back_mdb.so\nmoduleload memberof.so\n\
         moduleload ppolicy.so\npidfile {folder}/pid\nargsfile {folder}/args\nloglevel stats\n\
         attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' \
         SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )\n\
         attributetype ( 1.2.840.113556.1.4.159 NAME 'accountExpires' \
         SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 SINGLE-VALUE )\n\
         attributetype ( 1.2.840.113556.1.4.662 NAME 'lockoutTime' \
         SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 SINGLE-VALUE )\n\
         attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock' \
         SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 SINGLE-VALUE )\n\
         objectclass ( 1.3.6.1.4.1.99999.1 NAME 'foreignAccount' SUP top AUXILIARY \
         MAY ( userAccountControl $ accountExpires $ lockoutTime $ nsAccountLock ) )\n\
         TLSCACertificateFile {ca}\nTLSCertificateFile {certificate}\n\
         TLSCertificateKeyFile {key}\nTLSVerifyClient try\n{global}\n\
         authz-regexp \"^cn=client$\" \"{SERVICE_DN}\"\n\
         database mdb\nsuffix \"{BASE}\"\nrootdn \"{ADMIN_DN}\"\nrootpw {ADMIN_PASSWORD}\n\
         directory {folder}/db\nmaxsize 104857600\nindex objectClass,uid,cn,member,memberUid,mail eq\n\
         {database}\n\
         access to attrs=userPassword by anonymous auth by * none\n\
         access to * by dn.exact=\"{SERVICE_DN}\" read by self read by * none\n\
         overlay memberof\nmemberof-refint FALSE\noverlay ppolicy\n\
         ppolicy_default \"cn=default,ou=policies,{BASE}\"\nppolicy_use_lockout\n",
        folder = folder.display(),
        ca = at("ca.pem"),
        certificate = at("server.pem"),
        key = at("server.key"),
        global = setup.global,
        database = setup.database,
    )
}

/// Fills the database before anybody serves it.
fn add(conf: &Path, ldif: &str) {
    let file = conf.with_file_name("data.ldif");
    fs::write(&file, ldif).unwrap();
    let output = Command::new("/usr/sbin/slapadd")
        .args(["-q", "-f"])
        .arg(conf)
        .arg("-l")
        .arg(&file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "slapadd: {text}");
}

/// The server, and its process id. A shell beside it ends it when this process goes away, however it
/// does: what is in a static is never dropped.
fn spawn(conf: &Path, log: &Path, port: u16, tls_port: u16) -> (Child, String) {
    let log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    let mut urls = format!("ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{tls_port}/");
    if has_ipv6() {
        write!(urls, " ldaps://[::1]:{tls_port}/").unwrap();
    }
    // `-d` keeps it in the foreground and logs to standard error.
    const SCRIPT: &str = "/usr/sbin/slapd -d stats -h \"$1\" -f \"$2\" </dev/null >/dev/null & \
        echo $!; read line; kill -9 $!";
    let mut child = Command::new("sh")
        .args(["-c", SCRIPT, "sh", &urls])
        .arg(conf)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut id = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut id).unwrap();
    (child, id.trim().to_owned())
}

pub(crate) fn has_ipv6() -> bool {
    TcpListener::bind(("::1", 0)).is_ok()
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
