"""The envelope of suite 1: sealed for one recipient, with a routing block that the two gates can read.

`format` (bytes), `sealing` (sender), `routing` (gates and recipient), `content` (recipient only) and `notice` (gate to
organisation). Opening follows one order and fails closed; docs/spec/envelope.md numbers the steps.
"""
