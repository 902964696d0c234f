//! Compiles the policies; a wrong one fails the build.

fn main() {
    for policy in ["everywhere.cg", "parser.cg", "writer.cg"] {
        callgate_build::compile(policy);
    }
}
