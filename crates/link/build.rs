//! Generates the messages, and with feature `grpc` the service, from the protocol file; needs no `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const PROTO: &str = "proto/atlasmesh/link/v1/link.proto";
    println!("cargo::rerun-if-changed={PROTO}");
    let grpc = std::env::var_os("CARGO_FEATURE_GRPC").is_some();
    let descriptors = protox::compile([PROTO], ["proto"])?;
    tonic_prost_build::configure().build_client(grpc).build_server(grpc).compile_fds(descriptors)?;
    Ok(())
}
