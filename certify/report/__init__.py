"""What a certificate says, in words, pictures and pages.

The flow is one way: :mod:`~certify.report.reading` takes the certificate apart and refuses a malformed one,
:mod:`~certify.report.sections` turn it into plain statements that know no medium, and
:mod:`~certify.report.exporters` set them, as one self-contained page or otherwise. Words that depend on what was asked
are rows of tables: :mod:`~certify.report.maps`, :mod:`~certify.report.quantities`, :mod:`~certify.report.theorems` and
those in :mod:`~certify.report.phrases`. Nothing here computes a bound or changes a verdict.
"""
