"""Load a model, and read out what it returns.

TorchScript, `torch.export`, packages of the field, factories with weights, pickles; the trees of tensors that models
return; readouts. It imports nothing from `design` or `inference`: to it a sequence is a row of a batch.

Open first: `loading.py`.
"""
