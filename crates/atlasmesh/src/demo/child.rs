//! Programs that the demo starts and that must not outlive it, whatever ends it.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result};

/// How long a program may tidy up after it was told to end, before it is killed.
const GRACE: Duration = Duration::from_secs(8);

/// Starts the program that its arguments name and ends it once standard input does: the kernel closes our end of that
/// pipe even when we are killed. A signal that takes only us, or a power switch for one process, leaves nothing behind.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
(cat <&3 >/dev/null; kill -TERM "$program") >/dev/null 2>&1 &
exec 3<&-
wait "$program"
"#;

/// A running program that is ended when this value goes.
#[derive(Debug)]
pub struct GuardedChild {
    /// Of the guard, and of its group.
    pid: u32,
    /// Ends the guard once it is closed.
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    /// Says once how the program ended.
    exit: Receiver<io::Result<ExitStatus>>,
}

impl GuardedChild {
    /// Starts a program; its standard error goes to a file, its standard output to the caller if `lines` says so.
    pub fn start(name: &'static str, program: &Path, arguments: &[&str], log: &Path, lines: Lines) -> Result<Self> {
        let log_file = File::options().create(true).append(true).open(log);
        let log_file = log_file.with_context(|| format!("the log {} cannot be written", log.display()))?;
        let stdout = match lines {
            Lines::Read => Stdio::piped(),
            Lines::ToLog => Stdio::from(log_file.try_clone().context("the log cannot be shared")?),
        };
        let mut child = Command::new("sh")
            .args(["-c", GUARD, name])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(log_file)
            // A group of its own: Ctrl-C reaches the demo alone, which then ends its programs in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{} cannot be started: build it with `cargo xtask demo`", program.display()))?;
        let (pid, stdin, stdout) = (child.id(), child.stdin.take(), child.stdout.take());
        let (sender, exit) = sync_channel(1);
        std::thread::spawn(move || sender.send(child.wait()));
        Ok(Self { pid, stdin, stdout, exit })
    }

    pub fn id(&self) -> u32 {
        self.pid
    }

    pub fn lines(&mut self) -> Option<BufReader<ChildStdout>> {
        self.stdout.take().map(BufReader::new)
    }

    /// How the program ended, if it did; told once.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.exit.try_recv().ok().transpose().context("a program that was started cannot be waited for")
    }

    /// Tells the program to end, and kills it if it takes too long.
    pub fn stop(&mut self) {
        drop(self.stdin.take());
        if let Err(RecvTimeoutError::Timeout) = self.exit.recv_timeout(GRACE) {
            // The group has the guard and the program. Nothing can be done about a kill that fails.
            let group = format!("-{}", self.pid);
            let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
            let _ = self.exit.recv_timeout(GRACE);
        }
    }
}

impl Drop for GuardedChild {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where a program's standard output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// To the caller, who reads it.
    Read,
    /// Into the log, with its errors.
    ToLog,
}

/// Sends each line that begins with `prefix`, without it, while somebody has room for it, and reads the rest away so that the program never waits.
pub fn watch_for(prefix: &'static str, from: BufReader<ChildStdout>, found: tokio::sync::mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in from.lines().map_while(std::result::Result::ok) {
            if let Some(rest) = line.strip_prefix(prefix) {
                // Nobody waits for it any more when the demo is ending.
                let _ = found.try_send(rest.trim().to_owned());
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(script: &str, folder: &Path) -> GuardedChild {
        GuardedChild::start("test", Path::new("/bin/sh"), &["-c", script], &folder.join("log"), Lines::Read).unwrap()
    }

    #[test]
    fn a_program_ends_with_its_guard_and_its_answer_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = started("echo here; exit 3", folder.path());
        let mut line = String::new();
        child.lines().unwrap().read_line(&mut line).unwrap();
        assert_eq!(line, "here\n");
        let status = child.exit.recv().unwrap().unwrap();
        assert_eq!(status.code(), Some(3));
    }

    #[test]
    fn a_program_that_would_run_for_ever_is_told_to_end() {
        let folder = tempfile::tempdir().unwrap();
        let script = "tail -f /dev/null & t=$!; trap 'kill $t; echo told; exit 0' TERM; echo up; wait";
        let mut child = started(script, folder.path());
        let mut lines = child.lines().unwrap().lines();
        assert_eq!(lines.next().unwrap().unwrap(), "up");
        child.stop();
        assert_eq!(lines.next().unwrap().unwrap(), "told");
    }
}
