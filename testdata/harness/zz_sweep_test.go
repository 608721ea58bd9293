package harness_test
import ("testing";"os";"github.com/kmodpad/kmodpad/toolchains/arch")
func TestZZSweep(t *testing.T){
 if os.Getenv("SWEEP")=="" { t.Skip() }
 t.Parallel()
 for _, a := range arch.All {
  t.Run(a.Name, func(t *testing.T){
   t.Parallel()
   b := newBench(t,a)
   for _, cc := range []string{"clang-13","clang-16","clang-22","*-gcc-12"} {
    for _, o := range [][]string{{"-O0"},{"-O2"},{"-Os"},{"-O3"},{"-fPIC"}} {
     if o[0]=="-fPIC" && a.Name!="i386" {continue}
     for _, l := range []string{"ld.lld-13","ld.lld-22","*ld.bfd"} {
      for _, st := range strategies {
       if st.For(a)!=st {continue}
       for _, s := range b.samples.Modules {
        t.Run(plain(cc)+"/"+o[0]+"/"+plain(l)+"/"+string(st)+"/"+s.Name, func(t *testing.T){
          t.Parallel()
          b.runVariant(t, s.Name, variant{compiler:cc, linker:l, strategy:st, cflags:o})
        })
       }
      }
     }
    }
   }
  })
 }
}
