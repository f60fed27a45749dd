//! Generates the Workload API from its protocol file; needs no `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const PROTO: &str = "proto/workload.proto";
    println!("cargo::rerun-if-changed={PROTO}");
    if std::env::var_os("CARGO_FEATURE_PROCESS").is_some() {
        tonic_prost_build::configure().compile_fds(protox::compile([PROTO], ["proto"])?)?;
    }
    Ok(())
}
