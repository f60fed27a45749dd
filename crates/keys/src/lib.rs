//! Keys by purpose: types, states, the signer port and the sealed-file backend.
