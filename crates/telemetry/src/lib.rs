//! Telemetry: validation, order, write-ahead log, segments, latest state and history.
