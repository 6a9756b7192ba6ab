"""D18: any two more deleted rows of a softmax head, each choice by itself; no certificate states it."""
