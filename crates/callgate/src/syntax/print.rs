use crate::policy::Policy;
/// todo
pub fn print(policy: &Policy) -> String {
    let _ = policy;
    String::new()
}
