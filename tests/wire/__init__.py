"""The wire, judged by botocore: its service models, its serializers, its parsers, its clients."""
