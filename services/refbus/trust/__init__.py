"""The directory: who is a member, with which keys, under which national policy, and why one may believe it.

It is a TUF repository (docs/spec/directory.md). In reading order: `canonical` (strict JSON), `member`, `policy` and
`enrolment` (the target files), `auditkeys` (what an auditor lists), `endorsement` (who vouched for a key), `assembly`
(files -> Directory), `auditing` (what a log must show), `layout` (paths), `client` (TUF verification), `history` and
`loader` (what a node keeps), `repository` and `ceremony` (the publishing side).
"""
