//! The stack of a machine that runs pickles.

/// A stack with marks, at which unfinished lists, tuples and dictionaries begin.
#[derive(Debug)]
pub(crate) struct Stack<T> {
    items: Vec<T>,
    marks: Vec<usize>,
}

impl<T> Default for Stack<T> {
    fn default() -> Self {
        Self { items: Vec::new(), marks: Vec::new() }
    }
}

impl<T> Stack<T> {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn push(&mut self, item: T) {
        self.items.push(item);
    }

    pub fn mark(&mut self) {
        self.marks.push(self.items.len());
    }

    /// The item on top; `None` if there is none.
    pub fn top(&self) -> Option<&T> {
        self.items.last()
    }

    /// As [`Self::top`], to be changed.
    pub fn top_mut(&mut self) -> Option<&mut T> {
        self.items.last_mut()
    }

    pub fn pop(&mut self) -> Option<T> {
        self.items.pop()
    }

    /// Drops what is on top, which may be a mark; `None` if there is nothing.
    pub fn discard(&mut self) -> Option<()> {
        if self.marks.last() == Some(&self.items.len()) {
            self.marks.pop();
        } else {
            self.items.pop()?;
        }
        Some(())
    }

    /// Takes so many items off, the lowest first; `None` if there are fewer.
    pub fn pop_many(&mut self, count: usize) -> Option<Vec<T>> {
        Some(self.items.split_off(self.items.len().checked_sub(count)?))
    }

    /// Takes the items above the last mark off, with the mark; `None` if there is none below them.
    pub fn pop_to_mark(&mut self) -> Option<Vec<T>> {
        let mark = self.marks.pop()?;
        (mark <= self.items.len()).then(|| self.items.split_off(mark))
    }
}
