"""The host of a local site: registers with an activation, runs tasks, can be cut off or killed.

    python -m sandbox.agent --endpoint http://127.0.0.1:4567 --emulator http://localhost:4566 \\
        --state .hybrid/hosts/one --name one --cluster hybrid-acme-on-premises \\
        --activation-file activation.json --mode docker
"""
