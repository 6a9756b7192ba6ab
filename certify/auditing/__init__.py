"""The front door: what somebody asks about a model and its data, answered in their words, with certificates.

A *subject* is the model with its data, as it was understood. A *question* is one file in `questions/`: what people call
it, when it can be asked, and the spec that asks it. An *answer* is the certificate of that spec, in a sentence.
"""
