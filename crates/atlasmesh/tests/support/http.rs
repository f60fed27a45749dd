//! HTTP/1.1 over one blocking connection per request.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Longer than the longest wait that the API offers.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// How much later than its head a body comes.
const BODY_AFTER: Duration = Duration::from_millis(20);

/// A client of one server with one token.
#[derive(Debug, Clone)]
pub struct Http {
    pub address: String,
    /// A program's token, or the secret of a person's session.
    pub token: Option<String>,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Value,
    /// The body as it came.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Whether it answers the same; each answer has a name and a date of its own.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.status, &self.content_type, &self.body) == (other.status, &other.content_type, &other.body)
    }

    /// The body, if the answer is a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "answered {}: {}", self.status, self.body);
        self.body
    }

    /// The problem, if it has this status and code; every problem says what to do.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.body);
        assert_eq!(self.content_type, "application/problem+json", "{}", self.body);
        assert!(self.body["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{}", self.body);
        self.body
    }
}

impl Http {
    pub fn new(url: &str, token: Option<&str>) -> Self {
        let address = url.strip_prefix("http://").expect("a plain address");
        Self { address: address.to_owned(), token: token.map(str::to_owned) }
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, &[]).unwrap()
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body.to_string().as_bytes()), &[]).unwrap()
    }

    #[track_caller]
    pub fn post_once(&self, path: &str, body: &Value, key: &str) -> Answer {
        self.send("POST", path, Some(body.to_string().as_bytes()), &[("idempotency-key", key)]).unwrap()
    }

    #[track_caller]
    pub fn put(&self, path: &str, body: &[u8], content_type: &str) -> Answer {
        self.send("PUT", path, Some(body), &[("content-type", content_type)]).unwrap()
    }

    #[track_caller]
    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None, &[]).unwrap()
    }

    /// The header that proves who asks; none for a stranger.
    pub(super) fn credential(&self) -> String {
        match self.token.as_deref() {
            None => String::new(),
            Some(secret) if secret.starts_with("ams_") => format!("cookie: atlasmesh_session={secret}\r\n"),
            Some(token) => format!("authorization: Bearer {token}\r\n"),
        }
    }

    /// A connection over which one can ask again and again.
    pub fn keep(&self) -> Kept {
        Kept { http: self.clone(), stream: BufReader::new(self.connect().unwrap()) }
    }

    pub(super) fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        Ok(stream)
    }

    /// Sends a request; an error where the server went away before its answer was whole.
    pub fn send(&self, method: &str, path: &str, body: Option<&[u8]>, headers: &[(&str, &str)]) -> io::Result<Answer> {
        let mut stream = self.connect()?;
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        if !headers.iter().any(|(name, _)| *name == "connection") {
            head += "connection: close\r\n";
        }
        head += &self.credential();
        if let Some(body) = body {
            head += &format!("content-length: {}\r\n", body.len());
            if headers.iter().all(|(name, _)| *name != "content-type") {
                head += "content-type: application/json\r\n";
            }
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        stream.write_all(head.as_bytes())?;
        // A server that refuses a body answers before it has read it all; the answer is what counts.
        let written = stream.write_all(body.unwrap_or_default());
        match read_answer(&mut BufReader::new(stream)) {
            Ok(answer) => Ok(answer),
            Err(error) => Err(written.err().unwrap_or(error)),
        }
    }
}

/// A connection that stays open between requests.
#[derive(Debug)]
pub struct Kept {
    http: Http,
    stream: BufReader<TcpStream>,
}

impl Kept {
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Answer {
        let token = self.http.token.as_deref().unwrap_or_default();
        let head =
            format!("GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\r\n", self.http.address);
        self.stream.get_mut().write_all(head.as_bytes()).unwrap();
        read_answer(&mut self.stream).unwrap()
    }

    /// Sends a head with these headers, and a body that comes after it; the answer, which may come before the body.
    #[track_caller]
    pub fn send(&mut self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let token = self.http.token.as_deref().unwrap_or_default();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n", self.http.address);
        headers.iter().for_each(|line| head += &format!("{line}\r\n"));
        self.stream.get_mut().write_all(format!("{head}\r\n").as_bytes()).unwrap();
        // Another packet, and late enough for an answer that does not wait for it.
        let stream = self.stream.get_mut();
        stream.set_read_timeout(Some(BODY_AFTER)).unwrap();
        drop(stream.peek(&mut [0]));
        stream.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
        // Who has answered already may have closed.
        drop(stream.write_all(body));
        read_answer(&mut self.stream).unwrap()
    }
}

/// A header's value, by its name in lower case.
pub fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// A status line and the headers.
pub fn read_head(from: &mut impl BufRead) -> io::Result<(u16, Vec<(String, String)>)> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut line = String::new();
    from.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| bad("no status line"))?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        if from.read_line(&mut line)? == 0 {
            return Err(bad("the headers end early"));
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { return Ok((status, headers)) };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_answer(from: &mut impl BufRead) -> io::Result<Answer> {
    let (status, headers) = read_head(from)?;
    let content_type = header(&headers, "content-type").and_then(|value| value.split(';').next()).unwrap_or_default();
    let content_type = content_type.trim().to_owned();
    let length = header(&headers, "content-length").and_then(|value| value.parse::<usize>().ok());
    let chunked = header(&headers, "transfer-encoding").is_some_and(|value| value.contains("chunked"));
    // An answer without a body has no end to wait for (RFC 9110 §15.4.5).
    let length = if status == 304 { Some(0) } else { length };
    let mut bytes = Vec::new();
    match length {
        _ if chunked => read_chunks(from, &mut bytes)?,
        Some(length) => {
            bytes.resize(length, 0);
            from.read_exact(&mut bytes)?;
        }
        None => drop(from.read_to_end(&mut bytes)?),
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
    Ok(Answer { status, content_type, headers, body, bytes })
}

fn read_chunks(from: &mut impl BufRead, into: &mut Vec<u8>) -> io::Result<()> {
    while read_chunk(from, into)? {}
    Ok(())
}

/// The next chunk of a body; false for the last one.
pub fn read_chunk(from: &mut impl BufRead, into: &mut Vec<u8>) -> io::Result<bool> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let size = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
    let mut chunk = vec![0; size + 2];
    from.read_exact(&mut chunk)?;
    into.extend_from_slice(&chunk[..size]);
    Ok(size > 0)
}
