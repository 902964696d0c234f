//! Compiles the policy; a wrong one fails the build.

fn main() {
    callgate_build::compile("server.cg");
}
