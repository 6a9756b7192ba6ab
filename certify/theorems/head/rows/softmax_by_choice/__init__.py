"""D18: any two more deleted rows of a softmax head, each choice by itself; in certificates its finds serve D16."""
