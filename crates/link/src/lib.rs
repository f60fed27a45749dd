//! The vehicle protocol: messages, framing, resume and command delivery; sans-IO.
