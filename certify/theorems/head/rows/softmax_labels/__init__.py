"""D18 for changed labels: one wrong label of a softmax head, every choice by itself."""
