# Completions of callgate for nushell, made by `cargo xtask completions`. Loaded with `use callgate.nu *`.

def "nu-complete callgate" [context: string] {
  try { ^callgate complete --shell nushell --line $context | from json } catch { null }
}

# Write, compile, prove, run and read back Linux system-call filters
export extern callgate [
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  --version(-V) # Print version
]

# Run a command under a policy
export extern "callgate run" [
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --from: string@"nu-complete callgate" # What the input is, if it should not be guessed
  --caps: string@"nu-complete callgate" # The capabilities of the process the policy is for, separated by commas
  --kernel: string@"nu-complete callgate" # The kernel the policy is for
  --as-runtime: string@"nu-complete callgate" # Whose reading is meant where implementations of a format differ
  --base: string@"nu-complete callgate" # A file with the profile that `baseProfileName` names, before those beside the input
  --ignore-unknown # Leave out names nobody knows instead of refusing the file
  --verbose(-v) # Say what the input was taken for and why, and what there is to note about it
  --target: string@"nu-complete callgate" # What the program is to be fast on
  --profile: string@"nu-complete callgate" # How often each call is made
  --log # Log every call that is not plainly allowed
  --report # Say which calls, with their arguments, the command and its children are denied or killed for, by which rule, and the line that would allow them
  --complain # The same report, but deny nothing
  --trace # Name the call that the command is killed for, with its arguments and by whom
  --no-trace # Do not watch the command with ptrace unasked
  --json # Report as JSON lines
  --plain # Only lines, without the counts at the foot of the terminal
  --report-fd: string@"nu-complete callgate" # Write the report to this descriptor
  --exec # Replace callgate by the command instead of waiting for it
  --agent: string@"nu-complete callgate" # Hand the calls the policy notifies over to the agent that listens on this Unix socket
  --agent-metadata: string@"nu-complete callgate" # What to tell the agent beside the process
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  policy: string@"nu-complete callgate" # The policy
  ...command: string@"nu-complete callgate" # Behind --: the command
]

# Run a command and answer the calls its policy hands over
export extern "callgate supervise" [
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --from: string@"nu-complete callgate" # What the input is, if it should not be guessed
  --caps: string@"nu-complete callgate" # The capabilities of the process the policy is for, separated by commas
  --kernel: string@"nu-complete callgate" # The kernel the policy is for
  --as-runtime: string@"nu-complete callgate" # Whose reading is meant where implementations of a format differ
  --base: string@"nu-complete callgate" # A file with the profile that `baseProfileName` names, before those beside the input
  --ignore-unknown # Leave out names nobody knows instead of refusing the file
  --verbose(-v) # Say what the input was taken for and why, and what there is to note about it
  --ask # Ask at the terminal where a line says `ask`
  --quiet(-q) # Report only what is denied or fails, and what a `log` line names
  --json # Report as JSON lines
  --report-fd: string@"nu-complete callgate" # Write the report to this descriptor
  --if-lost: string@"nu-complete callgate" # What becomes of the command should callgate be killed, in place of the policy's `if-lost` line
  --listen: string@"nu-complete callgate" # Run nothing
  --seqpacket # The socket is SOCK_SEQPACKET instead of SOCK_STREAM
  --listener-fd: string@"nu-complete callgate" # Run nothing
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  policy: string@"nu-complete callgate" # The policy, in callgate's language, with `on` lines
  ...command: string@"nu-complete callgate" # Behind --: the command
]

# Write the policy a command needs, from what it calls
export extern "callgate learn" [
  --record: string@"nu-complete callgate" # Write a recording to FILE
  --merge: string@"nu-complete callgate" # Run nothing
  --confirm: string@"nu-complete callgate" # Hold this policy against the command
  --default: string@"nu-complete callgate" # What happens to calls that were not seen
  --margin # Permit other calls that do the same as those seen, and argument values C libraries have begun to use, for the next C library
  --generalise # Permit whole groups of which at least half was seen
  --generalize # Permit whole groups of which at least half was seen
  --review # Show every rule with its evidence at the terminal, and ask whether to keep it
  --format: string@"nu-complete callgate" # Write the policy in another notation, as `convert --to` does, if that permits no more and nothing less than was seen
  --pid: string@"nu-complete callgate" # Watch this process and those it starts from now on, instead of a command
  --cgroup: string@"nu-complete callgate" # Watch all processes of this control group, instead of a command
  --for: string@"nu-complete callgate" # With --pid or --cgroup
  --via: string@"nu-complete callgate" # How to watch the command
  --fast # With --via trace
  --stacks: string@"nu-complete callgate" # Whose functions made each call first
  --output(-o): string@"nu-complete callgate" # Write the result to FILE instead of standard output
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  ...command: string@"nu-complete callgate" # Behind --: the command
]

# Say what is wrong with a policy or a filter
export extern "callgate check" [
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --from: string@"nu-complete callgate" # What the input is, if it should not be guessed
  --caps: string@"nu-complete callgate" # The capabilities of the process the policy is for, separated by commas
  --kernel: string@"nu-complete callgate" # The kernel the policy is for
  --as-runtime: string@"nu-complete callgate" # Whose reading is meant where implementations of a format differ
  --base: string@"nu-complete callgate" # A file with the profile that `baseProfileName` names, before those beside the input
  --ignore-unknown # Leave out names nobody knows instead of refusing the file
  --verbose(-v) # Say what the input was taken for and why, and what there is to note about it
  --syntax-only # Only whether the text can be read
  --stack # The inputs are one stack of filters, the oldest first
  --libc: string@"nu-complete callgate" # A library or language whose calls must be permitted, such as glibc-2.41
  --pedantic # Notes as well
  --all # Notes as well
  --fix # Change the policy where that settles a finding
  --json # Print JSON
  --sarif # Print SARIF 2.1.0
  --explain: string@"nu-complete callgate" # Explain a code, such as CG0103
  --output(-o): string@"nu-complete callgate" # Write the result to FILE instead of standard output
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  ...inputs: string@"nu-complete callgate" # Policies and filters, or directories of them
]

# Run the `expect` lines of a policy
export extern "callgate test" [
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --from: string@"nu-complete callgate" # What the input is, if it should not be guessed
  --caps: string@"nu-complete callgate" # The capabilities of the process the policy is for, separated by commas
  --kernel: string@"nu-complete callgate" # The kernel the policy is for
  --as-runtime: string@"nu-complete callgate" # Whose reading is meant where implementations of a format differ
  --base: string@"nu-complete callgate" # A file with the profile that `baseProfileName` names, before those beside the input
  --ignore-unknown # Leave out names nobody knows instead of refusing the file
  --verbose(-v) # Say what the input was taken for and why, and what there is to note about it
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  ...policies: string@"nu-complete callgate" # Policies with `expect` lines
]

# Compile a policy to a BPF program, proved equal to it
export extern "callgate compile" [
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --from: string@"nu-complete callgate" # What the input is, if it should not be guessed
  --caps: string@"nu-complete callgate" # The capabilities of the process the policy is for, separated by commas
  --kernel: string@"nu-complete callgate" # The kernel the policy is for
  --as-runtime: string@"nu-complete callgate" # Whose reading is meant where implementations of a format differ
  --base: string@"nu-complete callgate" # A file with the profile that `baseProfileName` names, before those beside the input
  --ignore-unknown # Leave out names nobody knows instead of refusing the file
  --verbose(-v) # Say what the input was taken for and why, and what there is to note about it
  --target: string@"nu-complete callgate" # What the program is to be fast on
  --profile: string@"nu-complete callgate" # How often each call is made
  --to(-t): string@"nu-complete callgate" # The form of the program
  --output(-o): string@"nu-complete callgate" # Write the result to FILE instead of standard output
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  policy: string@"nu-complete callgate" # The policy
]

# Put a policy into the usual form
export extern "callgate fmt" [
  --check # Change nothing
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  ...files: string@"nu-complete callgate" # Policies in callgate's language
]

# Show a program's instructions, with names
export extern "callgate disasm" [
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --from: string@"nu-complete callgate" # What the input is, if it should not be guessed
  --caps: string@"nu-complete callgate" # The capabilities of the process the policy is for, separated by commas
  --kernel: string@"nu-complete callgate" # The kernel the policy is for
  --as-runtime: string@"nu-complete callgate" # Whose reading is meant where implementations of a format differ
  --base: string@"nu-complete callgate" # A file with the profile that `baseProfileName` names, before those beside the input
  --ignore-unknown # Leave out names nobody knows instead of refusing the file
  --verbose(-v) # Say what the input was taken for and why, and what there is to note about it
  --bytes # Show each instruction's fields, too
  --dot # Draw the flow, for Graphviz
  --svg # Draw the flow, as an image
  --json # Print JSON
  --to(-t): string@"nu-complete callgate" # Another form than a listing
  --output(-o): string@"nu-complete callgate" # Write the result to FILE instead of standard output
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  input: string@"nu-complete callgate" # A program in any form, or a policy
]

# Assemble a program from text
export extern "callgate asm" [
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --force # Write the program even if the kernel would refuse it
  --to(-t): string@"nu-complete callgate" # The form of the program
  --output(-o): string@"nu-complete callgate" # Write the result to FILE instead of standard output
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  input: string@"nu-complete callgate" # The assembly, or a program in any other wrapping
]

# Say what a filter does with one call, and which rule decided
export extern "callgate emu" [
  --ip: string@"nu-complete callgate" # The caller's instruction pointer
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --from: string@"nu-complete callgate" # What the input is, if it should not be guessed
  --caps: string@"nu-complete callgate" # The capabilities of the process the policy is for, separated by commas
  --kernel: string@"nu-complete callgate" # The kernel the policy is for
  --as-runtime: string@"nu-complete callgate" # Whose reading is meant where implementations of a format differ
  --base: string@"nu-complete callgate" # A file with the profile that `baseProfileName` names, before those beside the input
  --ignore-unknown # Leave out names nobody knows instead of refusing the file
  --verbose(-v) # Say what the input was taken for and why, and what there is to note about it
  --quiet(-q) # Print only the action
  --trace # Show every instruction executed
  --json # Print JSON
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  input: string@"nu-complete callgate" # A policy or a filter
  call: string@"nu-complete callgate" # The call
  ...args: string@"nu-complete callgate" # Its arguments
]

# Say what a filter means: every call, condition and action
export extern "callgate explain" [
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --from: string@"nu-complete callgate" # What the input is, if it should not be guessed
  --caps: string@"nu-complete callgate" # The capabilities of the process the policy is for, separated by commas
  --kernel: string@"nu-complete callgate" # The kernel the policy is for
  --as-runtime: string@"nu-complete callgate" # Whose reading is meant where implementations of a format differ
  --base: string@"nu-complete callgate" # A file with the profile that `baseProfileName` names, before those beside the input
  --ignore-unknown # Leave out names nobody knows instead of refusing the file
  --verbose(-v) # Say what the input was taken for and why, and what there is to note about it
  --all # List every call, however many there are
  --as: string@"nu-complete callgate" # Write it as a policy instead, proved to mean the same
  --json # Print JSON
  --output(-o): string@"nu-complete callgate" # Write the result to FILE instead of standard output
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  input: string@"nu-complete callgate" # A policy or a filter
  ...calls: string@"nu-complete callgate" # Only these calls
]

# Say what changes from one filter to another
export extern "callgate diff" [
  --call: string@"nu-complete callgate" # Only this call
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --from: string@"nu-complete callgate" # What the input is, if it should not be guessed
  --caps: string@"nu-complete callgate" # The capabilities of the process the policy is for, separated by commas
  --kernel: string@"nu-complete callgate" # The kernel the policy is for
  --as-runtime: string@"nu-complete callgate" # Whose reading is meant where implementations of a format differ
  --base: string@"nu-complete callgate" # A file with the profile that `baseProfileName` names, before those beside the input
  --ignore-unknown # Leave out names nobody knows instead of refusing the file
  --verbose(-v) # Say what the input was taken for and why, and what there is to note about it
  --exit-code # Accepted for the habit
  --json # Print JSON
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  a: string@"nu-complete callgate" # The filter before
  b: string@"nu-complete callgate" # The filter after
]

# Prove a sentence about a filter, or find a call that contradicts it
export extern "callgate prove" [
  --call: string@"nu-complete callgate" # About this call only
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --from: string@"nu-complete callgate" # What the input is, if it should not be guessed
  --caps: string@"nu-complete callgate" # The capabilities of the process the policy is for, separated by commas
  --kernel: string@"nu-complete callgate" # The kernel the policy is for
  --as-runtime: string@"nu-complete callgate" # Whose reading is meant where implementations of a format differ
  --base: string@"nu-complete callgate" # A file with the profile that `baseProfileName` names, before those beside the input
  --ignore-unknown # Leave out names nobody knows instead of refusing the file
  --verbose(-v) # Say what the input was taken for and why, and what there is to note about it
  --json # Print JSON
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  input: string@"nu-complete callgate" # A policy or a filter
  relation: string@"nu-complete callgate" # `equal`, `no-weaker-than`, `never` or `always`
  ...operands: string@"nu-complete callgate" # The other input
]

# Make a program shorter, proved equal
export extern "callgate optimize" [
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --from: string@"nu-complete callgate" # What the input is, if it should not be guessed
  --caps: string@"nu-complete callgate" # The capabilities of the process the policy is for, separated by commas
  --kernel: string@"nu-complete callgate" # The kernel the policy is for
  --as-runtime: string@"nu-complete callgate" # Whose reading is meant where implementations of a format differ
  --base: string@"nu-complete callgate" # A file with the profile that `baseProfileName` names, before those beside the input
  --ignore-unknown # Leave out names nobody knows instead of refusing the file
  --verbose(-v) # Say what the input was taken for and why, and what there is to note about it
  --target: string@"nu-complete callgate" # What the program is to be fast on
  --profile: string@"nu-complete callgate" # How often each call is made
  --to(-t): string@"nu-complete callgate" # The form of the result
  --json # Print JSON about it
  --output(-o): string@"nu-complete callgate" # Write the result to FILE instead of standard output
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  input: string@"nu-complete callgate" # A program, or a policy
]

# Make one program of a stack of filters, proved equal
export extern "callgate merge" [
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --from: string@"nu-complete callgate" # What the input is, if it should not be guessed
  --caps: string@"nu-complete callgate" # The capabilities of the process the policy is for, separated by commas
  --kernel: string@"nu-complete callgate" # The kernel the policy is for
  --as-runtime: string@"nu-complete callgate" # Whose reading is meant where implementations of a format differ
  --base: string@"nu-complete callgate" # A file with the profile that `baseProfileName` names, before those beside the input
  --ignore-unknown # Leave out names nobody knows instead of refusing the file
  --verbose(-v) # Say what the input was taken for and why, and what there is to note about it
  --target: string@"nu-complete callgate" # What the program is to be fast on
  --profile: string@"nu-complete callgate" # How often each call is made
  --policy # Write a policy in callgate's language instead of a program
  --to(-t): string@"nu-complete callgate" # The form of the program
  --output(-o): string@"nu-complete callgate" # Write the result to FILE instead of standard output
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  ...inputs: string@"nu-complete callgate" # The filters, in the order in which they would be loaded
]

# Show the filters of a process, or those a command loads
export extern "callgate dump" [
  --pid(-p): string@"nu-complete callgate" # The filters of this process, thread by thread
  --tid: string@"nu-complete callgate" # Only this thread of it
  --limit(-l): string@"nu-complete callgate" # Stop watching after this many filters
  --kill # Kill the process that loaded the last of them
  --raw # As bytes
  --disasm # As a listing
  --as: string@"nu-complete callgate" # As a policy, proved to mean the same
  --explain # As what it means
  --json # Print JSON
  --combine # The filters of a thread as one, as the kernel combines them
  --output(-o): string@"nu-complete callgate" # Write the filters to FILE, FILE_1, FILE_2 …
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  ...command: string@"nu-complete callgate" # Behind --: the command
]

# Look up system calls, constants and groups
export extern "callgate syscalls" [
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --kernel: string@"nu-complete callgate" # Only calls this kernel has
  --after: string@"nu-complete callgate" # Only calls that came later than this kernel
  --resolve(-r) # Print the number of a name, or the name of a number, and nothing else
  --translate(-t) # With --resolve
  --constants: string@"nu-complete callgate" # The constants of a set
  --groups # The groups
  --json # Print JSON
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  ...what: string@"nu-complete callgate" # Names, numbers, patterns
]

# Say why a call is denied, and which line would allow it
export extern "callgate why" [
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --from: string@"nu-complete callgate" # What the input is, if it should not be guessed
  --caps: string@"nu-complete callgate" # The capabilities of the process the policy is for, separated by commas
  --kernel: string@"nu-complete callgate" # The kernel the policy is for
  --as-runtime: string@"nu-complete callgate" # Whose reading is meant where implementations of a format differ
  --base: string@"nu-complete callgate" # A file with the profile that `baseProfileName` names, before those beside the input
  --ignore-unknown # Leave out names nobody knows instead of refusing the file
  --verbose(-v) # Say what the input was taken for and why, and what there is to note about it
  --audit: string@"nu-complete callgate" # Audit records
  --core: string@"nu-complete callgate" # The core dump of a process that died of SIGSYS
  --apply # Add the line that allows the call to the policy, in its own notation, proved to change nothing else
  --json # Print JSON
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  policy: string@"nu-complete callgate" # The policy
  call?: string@"nu-complete callgate" # A call, as in C or as strace prints it
]

# Find out what this kernel lets this process do
export extern "callgate doctor" [
  --all # Everything that was tried, one a line
  --require: string@"nu-complete callgate" # Exit 3 unless all of these work
  --json # Print JSON
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
]

# Write a policy in another notation, lossless or loud
export extern "callgate convert" [
  --to(-t): string@"nu-complete callgate" # The notation to write, from the list below
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --from: string@"nu-complete callgate" # What the input is, if it should not be guessed
  --caps: string@"nu-complete callgate" # The capabilities of the process the policy is for, separated by commas
  --kernel: string@"nu-complete callgate" # The kernel the policy is for
  --as-runtime: string@"nu-complete callgate" # Whose reading is meant where implementations of a format differ
  --base: string@"nu-complete callgate" # A file with the profile that `baseProfileName` names, before those beside the input
  --ignore-unknown # Leave out names nobody knows instead of refusing the file
  --verbose(-v) # Say what the input was taken for and why, and what there is to note about it
  --lossy # Accept losses that let no more calls through
  --allow-weaker # Accept losses that let calls through which the policy refuses, too
  --weaker # Accept losses that let calls through which the policy refuses, too
  --name: string@"nu-complete callgate" # The policy's name, in notations whose files hold several
  --json # Print JSON
  --output(-o): string@"nu-complete callgate" # Write the result to FILE instead of standard output
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  input: string@"nu-complete callgate" # A policy or a filter
]

# Make a page for the browser of a filter, a recording or a difference
export extern "callgate report" [
  --recording: string@"nu-complete callgate" # What was recorded by `learn --record`, as evidence
  --arch(-a): string@"nu-complete callgate" # The architectures to look at or compile for, separated by commas
  --from: string@"nu-complete callgate" # What the input is, if it should not be guessed
  --caps: string@"nu-complete callgate" # The capabilities of the process the policy is for, separated by commas
  --kernel: string@"nu-complete callgate" # The kernel the policy is for
  --as-runtime: string@"nu-complete callgate" # Whose reading is meant where implementations of a format differ
  --base: string@"nu-complete callgate" # A file with the profile that `baseProfileName` names, before those beside the input
  --ignore-unknown # Leave out names nobody knows instead of refusing the file
  --verbose(-v) # Say what the input was taken for and why, and what there is to note about it
  --output(-o): string@"nu-complete callgate" # Write the result to FILE instead of standard output
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  input: string@"nu-complete callgate" # A policy, a filter or a recording
  after?: string@"nu-complete callgate" # What the first one is changed to
]

# Show help on a topic, a verb, a code or a format
export extern "callgate help" [
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  ...topic: string@"nu-complete callgate" # A topic, a verb, a code such as CG0103, a format or a built-in policy
]

# Print the completions for a shell
export extern "callgate completions" [
  --color: string@"nu-complete callgate" # When to use colour
  --help(-h) # Print help
  shell: string@"nu-complete callgate" # The shell
]
