"""Which of the operations named on the command line (ssm.create_association) the emulator does not have, one to a line."""
import importlib
import inspect
import sys

for operation in sys.argv[1:]:
    service, action = operation.split(".")
    try:
        module = importlib.import_module(f"moto.{service}.responses")
    except ModuleNotFoundError:
        print(operation)
        continue
    own = (c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__)
    if not any(hasattr(c, action) for c in own):
        print(operation)
