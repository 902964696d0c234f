pub(crate) static CONSTANTS: &[(&str, u64)] = &[
    ("AF_UNIX", 1),
    ("AF_INET", 2),
    ("AF_INET6", 10),
    ("SOCK_STREAM", 1),
    ("TCGETS", 0x5401),
    ("FIONBIO", 0x5421),
];
