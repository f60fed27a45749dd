//! A child process whose lines are read as they come, and that does not outlive its test.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything that is waited for may take, on a machine that also builds.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Lines that nobody has waited for yet; later ones are only kept in what was said.
const LINES_MAX: usize = 100_000;

/// A running program.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
    /// Lines that came before one that was waited for: the two outputs have no order between them.
    passed_over: RefCell<VecDeque<String>>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Process {
    pub fn start(name: &str, command: &mut Command) -> Self {
        Self::spawn(name, command.stdin(Stdio::null()))
    }

    /// The same, for a program that is told what to do line by line.
    pub fn start_with_input(name: &str, command: &mut Command) -> Self {
        Self::spawn(name, command.stdin(Stdio::piped()))
    }

    fn spawn(name: &str, command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = sync_channel(LINES_MAX);
        let said = Arc::new(Mutex::new(Vec::new()));
        read(child.stdout.take().unwrap(), sender.clone(), Arc::clone(&said));
        read(child.stderr.take().unwrap(), sender, Arc::clone(&said));
        Self { name: name.to_owned(), child, lines, passed_over: RefCell::default(), said }
    }

    #[track_caller]
    pub fn tell(&self, line: &str) {
        let mut input = self.child.stdin.as_ref().expect("it takes input");
        input.write_all(format!("{line}\n").as_bytes()).unwrap_or_else(|error| panic!("{error}:\n{}", self.said()));
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line, of either output, that has this in it and was not answered before.
    #[track_caller]
    pub fn line_with(&self, text: &str) -> String {
        self.try_line_with(text, LIMIT).unwrap_or_else(|| panic!("{} never said `{text}`:\n{}", self.name, self.said()))
    }

    /// Like [`Self::line_with`], but nothing after a time, or once the program has closed its outputs.
    pub fn try_line_with(&self, text: &str, limit: Duration) -> Option<String> {
        let began = Instant::now();
        let mut passed_over = self.passed_over.borrow_mut();
        if let Some(at) = passed_over.iter().position(|line| line.contains(text)) {
            return passed_over.remove(at);
        }
        loop {
            match self.lines.recv_timeout(limit.checked_sub(began.elapsed())?) {
                Ok(line) if line.contains(text) => return Some(line),
                Ok(line) => passed_over.push_back(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// All that it said until now.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }

    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end: its outputs close with it.
    pub fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        while let Some(rest) = LIMIT.checked_sub(began.elapsed()) {
            match self.lines.recv_timeout(rest) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap(),
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        self.signal("KILL");
        panic!("{} did not end:\n{}", self.name, self.said());
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
    }

    /// kill -9, and its end awaited.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; what counts is that nothing is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let said = self.said();
            let lines: Vec<&str> = said.lines().collect();
            let end = &lines[lines.len().saturating_sub(60)..];
            eprintln!("---- {} said at the end:\n{}", self.name, end.join("\n"));
        }
    }
}

fn read(from: impl Read + Send + 'static, to: SyncSender<String>, said: Arc<Mutex<Vec<String>>>) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            said.lock().unwrap().push(line.clone());
            // The test may not wait for lines any more; the program must still be read.
            let _ = to.try_send(line);
        }
    });
}
