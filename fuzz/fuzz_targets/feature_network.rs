#![no_main]

ncsn_fuzz::target!(FEATURE_NETWORK);
