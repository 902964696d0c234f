//! Compiles the policy; if that fails, so does the build.

fn main() {
    callgate_build::compile("sealed.cg");
}
