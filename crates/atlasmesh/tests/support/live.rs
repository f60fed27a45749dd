//! Answers that do not end: Server-Sent Events and WebSockets, read byte by byte.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::http::{Http, header, read_chunk, read_head};

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub id: u64,
    pub event: String,
    pub data: Value,
}

/// An open stream of Server-Sent Events.
#[derive(Debug)]
pub struct Events {
    from: BufReader<TcpStream>,
    text: Vec<u8>,
}

impl Http {
    /// Opens a stream; the status where it is refused.
    pub fn events(&self, query: &str, headers: &[(&str, &str)]) -> Result<Events, u16> {
        let mut stream = self.connect().unwrap();
        let mut head = format!("GET /v1/events{query} HTTP/1.1\r\nhost: {}\r\n", self.address);
        head += &self.credential();
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all((head + "\r\n").as_bytes()).unwrap();
        let mut from = BufReader::new(stream);
        let (status, headers) = read_head(&mut from).unwrap();
        if status != 200 {
            return Err(status);
        }
        assert_eq!(header(&headers, "content-type"), Some("text/event-stream"));
        Ok(Events { from, text: Vec::new() })
    }

    /// Opens the WebSocket of positions with the token as browsers send it; the status where it is refused.
    pub fn positions(&self) -> Result<Socket, u16> {
        let mut stream = self.connect().unwrap();
        let token = self.token.as_deref().unwrap_or_default();
        // The key and what it must be answered with are RFC 6455's own example.
        let head = format!(
            "GET /v1/positions HTTP/1.1\r\nhost: {}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-protocol: atlasmesh.v1, bearer.{token}\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut from = BufReader::new(stream);
        let (status, headers) = read_head(&mut from).unwrap();
        if status != 101 {
            return Err(status);
        }
        assert_eq!(header(&headers, "sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(header(&headers, "sec-websocket-protocol"), Some("atlasmesh.v1"));
        Ok(Socket { from })
    }
}

impl Events {
    /// What comes next: an event's or comment's lines; nothing when the server ended the stream.
    pub fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.text.drain(..end + 2).collect();
                return Some(String::from_utf8(block).unwrap().trim_end().to_owned());
            }
            // A connection that is cut ends the stream as its last chunk does.
            if !read_chunk(&mut self.from, &mut self.text).unwrap_or(false) {
                return None;
            }
        }
    }

    /// The next event; nothing when the server ended the stream.
    pub fn next_event(&mut self) -> Option<Told> {
        loop {
            let block = self.block()?;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let Some(data) = field("data:") {
                let id = field("id:").unwrap().parse().unwrap();
                return Some(Told {
                    id,
                    event: field("event:").unwrap().to_owned(),
                    data: serde_json::from_str(data).unwrap(),
                });
            }
        }
    }
}

/// A frame of a WebSocket.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    Text(Value),
    Binary(Vec<Record>),
    Close(u16),
}

/// A vehicle's record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record {
    pub n: u32,
    pub lat: f64,
    pub lon: f64,
    pub heading_deg: f64,
    pub speed_mps: f64,
    pub age_ms: u32,
    pub flags: u16,
}

/// An open WebSocket.
#[derive(Debug)]
pub struct Socket {
    from: BufReader<TcpStream>,
}

impl Socket {
    pub fn next_frame(&mut self) -> io::Result<Frame> {
        let mut head = [0; 2];
        self.from.read_exact(&mut head)?;
        assert_eq!((head[0] & 0x80, head[1] & 0x80), (0x80, 0), "whole frames, unmasked");
        let length = match head[1] {
            126 => self.bytes(2)?.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)),
            127 => self.bytes(8)?.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)),
            short => usize::from(short),
        };
        let body = self.bytes(length)?;
        Ok(match head[0] & 0x0f {
            1 => Frame::Text(serde_json::from_slice(&body).unwrap()),
            2 => Frame::Binary(body.chunks(24).map(record).collect()),
            8 => Frame::Close(u16::from_be_bytes([body[0], body[1]])),
            other => panic!("opcode {other}"),
        })
    }

    /// Sends a text, masked with zeros.
    pub fn send_text(&mut self, text: &str) {
        let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.from.get_mut().write_all(&frame).unwrap();
    }

    fn bytes(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.from.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

fn record(bytes: &[u8]) -> Record {
    assert_eq!((bytes.len(), &bytes[22..]), (24, [0, 0].as_slice()));
    let word = |from: usize| u32::from_le_bytes(bytes[from..from + 4].try_into().unwrap());
    let degrees = |from: usize| f64::from(word(from).cast_signed()) / 1e7;
    let half = |from: usize| u16::from_le_bytes([bytes[from], bytes[from + 1]]);
    Record {
        n: word(0),
        lat: degrees(4),
        lon: degrees(8),
        heading_deg: f64::from(half(12)) / 100.0,
        speed_mps: f64::from(half(14)) / 100.0,
        age_ms: word(16),
        flags: half(20),
    }
}
