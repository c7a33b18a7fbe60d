//! `serve --dev`: what it prints can be pasted.

use std::path::PathBuf;
use std::process::Command;

use super::kit::*;

struct Dev {
    process: Process,
    folder: PathBuf,
    welcome: String,
}

fn start() -> Dev {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["serve", "--dev", "--address", "127.0.0.1:0", "--operations", "127.0.0.1:0"]);
    let process = Process::spawn(command);
    let welcome = process.until("the welcome", || {
        let text = process.stdout();
        text.contains("tokens.csv.\n").then_some(text)
    });
    let (_, rest) = welcome.split_once("Everything is in ").unwrap();
    let folder = PathBuf::from(rest.split(' ').next().unwrap());
    Dev { process, folder, welcome }
}

impl Dev {
    /// The commands, each with the lines it goes on in.
    fn commands(&self) -> Vec<String> {
        let mut commands: Vec<String> = Vec::new();
        let mut goes_on = false;
        for line in self.welcome.lines() {
            if goes_on {
                let command = commands.last_mut().unwrap();
                command.push('\n');
                command.push_str(line);
            } else if line.trim_start().starts_with("curl ") {
                commands.push(line.to_owned());
            } else {
                continue;
            }
            goes_on = line.ends_with('\\');
        }
        commands
    }

    fn ends_and_takes_its_folder_with_it(self) {
        assert!(self.folder.join("tls.key").exists());
        self.process.signal("TERM");
        assert_eq!(self.process.wait().code(), Some(0), "{}", self.process.stderr());
        assert!(!self.folder.exists());
    }
}

fn has_curl() -> bool {
    let is_there = Command::new("curl").arg("--version").output().is_ok();
    if !is_there {
        eprintln!("skipped: curl is not there");
    }
    is_there
}

#[test]
fn the_printed_commands_answer_yes_and_two_servers_live_side_by_side() {
    let (one, two) = (start(), start());
    assert_ne!(one.folder, two.folder);
    for dev in [&one, &two] {
        let commands = dev.commands();
        assert_eq!(commands.len(), 4, "{}", dev.welcome);
        for kubeconfig in ["authorization.kubeconfig", "token.kubeconfig"] {
            let text = std::fs::read_to_string(dev.folder.join(kubeconfig)).unwrap();
            assert!(text.contains("https://127.0.0.1:") && !text.contains(":0/"), "{text}");
        }
        if !has_curl() {
            continue;
        }
        let expected =
            ["\"allowed\":true", "\"authenticated\":true", "ready\n", "portcullis_build_info"];
        for (command, expected) in commands.iter().zip(expected) {
            let output = Command::new("sh").args(["-c", command]).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && text.contains(expected), "{command}\n{output:?}");
        }
        // "Try another user."
        let other = commands[0].replace("oncall@example.com", "nobody@example.com");
        let output = Command::new("sh").args(["-c", &other]).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains("\"allowed\":false"));
        // The authority of the one is nothing to the other.
        let stranger =
            commands[0].replace(&format!("{}/ca.crt", dev.folder.display()), "/dev/null");
        assert!(!Command::new("sh").args(["-c", &stranger]).status().unwrap().success());
    }
    one.ends_and_takes_its_folder_with_it();
    two.ends_and_takes_its_folder_with_it();
}

#[cfg(unix)]
#[test]
fn nobody_else_can_look_into_the_folder() {
    use std::os::unix::fs::PermissionsExt as _;

    let dev = start();
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(dev.folder.clone()), 0o700);
    for secret in ["tls.key", "apiserver.key", "tokens.csv"] {
        assert_eq!(mode(dev.folder.join(secret)), 0o600, "{secret}");
    }
    // The folder goes with an interrupt, too, as Ctrl-C sends it.
    dev.process.signal("INT");
    assert_eq!(dev.process.wait().code(), Some(0));
    assert!(!dev.folder.exists());
}

#[test]
fn a_taken_port_leaves_no_folder_behind() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let temporary = tempfile::tempdir().unwrap();
    command.args(["serve", "--dev", "--address", &address, "--operations", "127.0.0.1:0"]);
    command.env("TMPDIR", temporary.path());
    let process = Process::spawn(command);
    assert_eq!(process.wait().code(), Some(2));
    assert!(process.stderr().contains(&format!("cannot listen on {address}")));
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}
