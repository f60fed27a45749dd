//! Other programs: started in the root, with a limit on their time, their output shown as it comes and counted where
//! they are test runners.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How many checks went well and how many did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// How long a question to another program may take, a build before the answer included.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(15 * 60);
/// How long a program may tidy up after it was asked to end, before it is killed.
const GRACE: Duration = Duration::from_secs(15);
/// How long to wait for the last output of a program that ended: what it left behind may hold the pipe open.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

/// Of a program: what it says and what it complains.
const PIPES: usize = 2;

/// The cargo that started us, in a folder.
pub fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    // What the integration server builds is thrown away: what would make the next build quicker takes half of the disk.
    if std::env::var_os("CI").is_some() {
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

/// Whether a program with this argument runs and succeeds.
pub fn works(command: &mut Command) -> bool {
    run(command.stdout(Stdio::null()).stderr(Stdio::null()), ANSWER_LIMIT, |_| {}).is_ok()
}

/// What a program prints, where it succeeds; its errors are shown as they come.
pub fn output(command: &mut Command, limit: Duration) -> Result<String> {
    let (sender, receiver) = sync_channel(1);
    run(command.stdout(Stdio::piped()), limit, |child| {
        let Some(mut pipe) = child.stdout.take() else { return };
        thread::spawn(move || {
            let mut text = Vec::new();
            sender.send(pipe.read_to_end(&mut text).map(|_| text))
        });
    })?;
    let text =
        receiver.recv_timeout(LAST_OUTPUT).with_context(|| format!("read what `{}` prints", shown(command)))??;
    String::from_utf8(text).with_context(|| format!("`{}` printed something that is not UTF-8", shown(command)))
}

/// Runs a program to its end with its output on ours; an error if it fails or takes too long.
pub fn stream(command: &mut Command, limit: Duration) -> Result<()> {
    run(command, limit, |_| {})
}

/// Like [`stream`], and sums what the test runners among its output counted.
pub fn stream_counting(command: &mut Command, limit: Duration) -> (Counts, Result<()>) {
    if std::io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let counts = Arc::new(Mutex::new(Counts::default()));
    let (ended_pipe, ended_pipes) = sync_channel(PIPES);
    let ended = run(command.stdout(Stdio::piped()).stderr(Stdio::piped()), limit, |child| {
        let tees = (Arc::clone(&counts), ended_pipe);
        child.stdout.take().into_iter().for_each(|pipe| tee(pipe, std::io::stdout(), tees.clone()));
        child.stderr.take().into_iter().for_each(|pipe| tee(pipe, std::io::stderr(), tees.clone()));
    });
    for _ in 0..PIPES {
        let _ = ended_pipes.recv_timeout(LAST_OUTPUT);
    }
    let counts = *counts.lock().unwrap_or_else(PoisonError::into_inner);
    (counts, ended)
}

fn run(command: &mut Command, limit: Duration, started: impl FnOnce(&mut Child)) -> Result<()> {
    let shown = shown(command);
    let mut child = command.stdin(Stdio::null()).spawn().with_context(|| format!("start `{shown}`"))?;
    started(&mut child);
    let pid = child.id().to_string();
    let (sender, ended) = sync_channel(1);
    thread::spawn(move || sender.send(child.wait()));
    let status = match ended.recv_timeout(limit) {
        Ok(status) => status?,
        Err(_) => {
            stop(&pid, &ended);
            bail!("`{shown}` took more than {} s and was stopped", limit.as_secs());
        }
    };
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

fn stop<T>(pid: &str, ended: &Receiver<T>) {
    works(Command::new("kill").args(["-TERM", pid]));
    if ended.recv_timeout(GRACE).is_err() {
        works(Command::new("kill").args(["-KILL", pid]));
    }
}

/// Copies a pipe to its end, sums what its lines count, then says that it ended.
fn tee(
    from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    (counts, ended): (Arc<Mutex<Counts>>, SyncSender<()>),
) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            // Nobody may be reading our output any more; the program still has to be read to its end.
            let _ = to.write_all(&line).and_then(|()| to.flush());
            if let Some(counted) = counted(&String::from_utf8_lossy(&line)) {
                *counts.lock().unwrap_or_else(PoisonError::into_inner) += counted;
            }
            line.clear();
        }
        ended.send(())
    });
}

/// What a test runner's closing line counts: nextest's `Summary`, or libtest's `test result`.
fn counted(line: &str) -> Option<Counts> {
    let line = without_colours(line);
    let (_, figures) = match line.trim_start() {
        nextest if nextest.starts_with("Summary [") => nextest.split_once("run: ")?,
        libtest if libtest.starts_with("test result: ") => libtest.split_once(". ")?,
        _ => return None,
    };
    let mut counts = Counts::default();
    for figure in figures.split([',', ';']) {
        let Some((number, what)) = figure.trim().split_once(' ') else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        if what.starts_with("passed") {
            counts.passed += number;
        } else if ["failed", "timed out", "exec failed"].iter().any(|bad| what.starts_with(bad)) {
            counts.failed += number;
        }
    }
    Some(counts)
}

fn without_colours(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    command.get_args().fold(program, |line, arg| format!("{line} {}", arg.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        let rows = [
            ("     Summary [   0.4s] 5 tests run: 4 passed (1 slow), 1 failed, 2 skipped", Some((4, 1))),
            ("     Summary [   9.4s] 1 test run: 0 passed, 1 timed out, 0 skipped", Some((0, 1))),
            (
                "\x1b[32;1m     Summary\x1b[0m [   0.4s] \x1b[1m3\x1b[0m tests run: \x1b[1m3\x1b[0m \x1b[32mpassed\x1b[0m",
                Some((3, 0)),
            ),
            ("test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured", Some((3, 2))),
            ("test result_is_parsed ... ok", None),
        ];
        for (line, expected) in rows {
            assert_eq!(counted(line), expected.map(|(passed, failed)| Counts { passed, failed }), "{line:?}");
        }
    }

    #[test]
    fn a_program_that_takes_too_long_is_stopped_and_named() {
        let error = stream(Command::new("tail").args(["-f", "/dev/null"]), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().starts_with("`tail -f /dev/null` took more than"), "{error}");
    }

    #[test]
    fn what_a_program_prints_is_its_answer() {
        assert_eq!(output(Command::new("echo").arg("well"), ANSWER_LIMIT).unwrap(), "well\n");
        assert!(output(&mut Command::new("false"), ANSWER_LIMIT).is_err());
    }

    #[test]
    fn a_failure_is_an_error_and_its_figures_still_count() {
        let print = "echo 'test result: FAILED. 1 passed; 1 failed'; exit 3";
        let (counts, ended) = stream_counting(Command::new("sh").args(["-c", print]), Duration::from_secs(60));
        assert_eq!(counts, Counts { passed: 1, failed: 1 });
        assert!(ended.unwrap_err().to_string().contains("failed"));
    }
}
