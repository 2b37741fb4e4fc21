"""The transparency log: an RFC 6962 Merkle tree in C2SP formats, pure: hashes in, tiles and proofs out."""
