"""What a certificate says, in words, pictures and pages.

The flow is one way: :mod:`~certify.report.reading` takes the certificate apart and refuses a malformed one,
:mod:`~certify.report.model` turns it into plain statements that know no medium, and
:mod:`~certify.report.exporters.html` sets
them as one self-contained page. Nothing here computes a bound or changes a verdict.
"""
