"""Pre-trained models: encoders, decoders, servers, and the prefix-cached label scorer.

Import from the module that is needed (``from bakeoff.models.scoring import LabelScorer``): torch and
transformers load there and nowhere else, so that planning a study stays quick.

``batching``      batches of similar length
``facts``         what a plan needs to know about a model, without its weights
``encoder``       sentence vectors
``decoder``       causal language models, GGUF files included
``label_tokens``  which tokens are given and which belong to a label
``label_trie``    the labels of a row as a tree of tokens
``scoring``       log-probabilities of labels, with a shared prefix
``seq2seq``       encoder-decoders, and the scoring of labels by them
``constraint``    what generated text may be: choice, regular expression, JSON of a schema
``streams``       several texts read and continued behind one prefix
``choosing``      the choice of the next token
``written``       what is asked of a text that is written, and what was written
``generate``      text that a decoder writes, batched and held to a constraint
``server``        a server that speaks the OpenAI API
"""
